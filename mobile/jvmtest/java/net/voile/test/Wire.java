package net.voile.test;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.voile.mobile.Session;
import org.json.JSONObject;

/** Messages as Mobile.MaxMessage describes them, written from that description alone. */
final class Wire {
    private Wire() {}

    /** An answer or an update. */
    record Message(JSONObject line, List<byte[]> parts) {
        String kind() {
            return line.has("error") ? line.getJSONObject("error").getString("kind") : "";
        }

        byte[] bytes(String field) {
            String text = line.getString(field);
            if (!text.startsWith("#")) {
                throw new AssertionError(field + " is " + text);
            }
            return parts.get(Integer.parseInt(text.substring(1)));
        }
    }

    static byte[] encode(String line, byte[]... parts) {
        byte[] text = line.getBytes(StandardCharsets.UTF_8);
        int size = 4 + text.length;
        for (byte[] p : parts) {
            size += 4 + p.length;
        }
        ByteBuffer b = ByteBuffer.allocate(size).putInt(text.length).put(text);
        for (byte[] p : parts) {
            b.putInt(p.length).put(p);
        }
        return b.array();
    }

    static Message decode(byte[] message) {
        ByteBuffer b = ByteBuffer.wrap(message);
        List<byte[]> parts = new ArrayList<>();
        while (b.hasRemaining()) {
            byte[] part = new byte[b.getInt()];
            b.get(part);
            parts.add(part);
        }
        return new Message(new JSONObject(new String(parts.remove(0), StandardCharsets.UTF_8)), parts);
    }

    /** Does a request, which must succeed. */
    static Message call(Session s, String line, byte[]... parts) throws Exception {
        Message m = decode(s.call(encode(line, parts), null));
        if (!m.kind().isEmpty()) {
            throw new AssertionError(line + ": " + m.line());
        }
        return m;
    }
}
