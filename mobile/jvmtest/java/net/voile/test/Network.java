package net.voile.test;

import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import net.voile.mobile.Mobile;
import net.voile.mobile.Node;
import net.voile.mobile.Options;
import net.voile.mobile.Session;

/** A private network of nodes on this machine, in this process. */
public final class Network implements AutoCloseable {
    private final List<Node> nodes = new ArrayList<>();
    private String record = "";

    public Network(int size) throws Exception {
        for (int i = 0; i < size; i++) {
            int port = freePort();
            Node node = Mobile.start(config("relay" + i, port), new Options(), null);
            nodes.add(node);
            try (var s = new Closing(node.open(null))) {
                Wire.call(s.session, "{\"op\":\"Attach\"}");
                if (i == 0) {
                    String id = started(s.session);
                    record = "0|0|" + id + "|127.0.0.1|U" + port + ",T" + port + ",W" + port + "/ws";
                }
            }
        }
    }

    /** A session that closes like other things in Java. */
    record Closing(Session session) implements AutoCloseable {
        @Override
        public void close() throws Exception {
            session.close();
        }
    }

    /** The id of a node, which has it once its network runs. */
    private static String started(Session s) throws Exception {
        for (long end = System.nanoTime() + 20_000_000_000L; System.nanoTime() < end; Thread.sleep(20)) {
            var ids = Wire.call(s, "{\"op\":\"GetState\"}").line().getJSONObject("value").getJSONObject("network").getJSONArray("node_ids");
            if (!ids.isEmpty()) {
                return ids.getString(0);
            }
        }
        throw new AssertionError("the network did not start");
    }

    /** The configuration of a node of this network. */
    public String config(String name, int port) {
        String at = "\"listen_address\":\"127.0.0.1:" + port + "\"";
        String records = record.isEmpty() ? "" : "\"" + record + "\"";
        return "{\"program_name\":\"" + name + "\",\"network\":{\"private_network\":true,\"network_key_password\":\"a test\","
            + "\"routing_table\":{\"bootstrap\":[],\"bootstrap_keys\":[],\"bootstrap_records\":[" + records + "]},"
            + "\"protocol\":{\"udp\":{" + at + "},\"tcp\":{" + at + "},\"ws\":{" + at + "}}}}";
    }

    public String config(String name) throws Exception {
        return config(name, freePort());
    }

    private static int freePort() throws Exception {
        var loopback = InetAddress.getLoopbackAddress();
        for (int i = 0; i < 100; i++) {
            try (var tcp = new ServerSocket(0, 1, loopback);
                var udp = new DatagramSocket(new InetSocketAddress(loopback, tcp.getLocalPort()))) {
                return udp.getLocalPort();
            } catch (java.net.SocketException e) {
                continue; // taken for the other sort
            }
        }
        throw new AssertionError("no free port");
    }

    @Override
    public void close() throws Exception {
        for (Node n : nodes) {
            n.close();
        }
    }
}
