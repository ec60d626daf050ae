package net.voile.test;

import java.net.NetworkInterface;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import net.voile.mobile.Cancellation;
import net.voile.mobile.Mobile;
import net.voile.mobile.Node;
import net.voile.mobile.Options;
import net.voile.mobile.ProtectedStore;
import net.voile.mobile.Session;
import org.json.JSONArray;
import org.json.JSONObject;

/** What gobind makes of package mobile, used as it is. Prints a line for each test. */
public final class JavaTest {
    private JavaTest() {}

    /** A node that listens nowhere and knows nobody. */
    static final String ALONE = "{\"program_name\":\"alone\",\"network\":{\"routing_table\":{\"bootstrap\":[],\"bootstrap_keys\":[]},"
        + "\"protocol\":{\"udp\":{\"enabled\":false},\"tcp\":{\"listen\":false},\"ws\":{\"listen\":false}}}}";

    /** A store of secrets written in Java. */
    static final class Secrets implements ProtectedStore {
        final Map<String, byte[]> values = new ConcurrentHashMap<>();
        volatile String failure = "";

        private void check() throws Exception {
            if (!failure.isEmpty()) {
                throw new IllegalStateException(failure);
            }
        }

        @Override
        public byte[] load(String name) throws Exception {
            check();
            return values.get(name);
        }

        @Override
        public void save(String name, byte[] value) throws Exception {
            check();
            values.put(name, value.clone());
        }

        @Override
        public void remove(String name) throws Exception {
            check();
            values.remove(name);
        }
    }

    interface Test {
        void run() throws Exception;
    }

    public static void main(String[] args) {
        Map<String, Test> tests = new java.util.LinkedHashMap<>();
        tests.put("errors have codes", JavaTest::errors);
        tests.put("handles made by hand give errors", JavaTest::handles);
        tests.put("texts and bytes cross whole", JavaTest::texts);
        tests.put("a cancelled call ends", JavaTest::cancel);
        tests.put("answers come once, from other threads", JavaTest::begin);
        tests.put("two nodes talk, keep records and tables", JavaTest::network);
        tests.put("100 nodes start and stop and leave nothing", JavaTest::cycles);
        int failed = 0;
        for (var t : tests.entrySet()) {
            long began = System.nanoTime();
            try {
                t.getValue().run();
                System.out.printf("ok %s (%.2fs)%n", t.getKey(), (System.nanoTime() - began) / 1e9);
            } catch (Throwable e) {
                failed++;
                System.out.println("FAIL " + t.getKey());
                e.printStackTrace(System.out);
            }
        }
        // Threads of Go that have called Java are no daemons: only this ends the JVM.
        System.exit(failed == 0 ? 0 : 1);
    }

    static void same(Object got, Object want) {
        if (!java.util.Objects.deepEquals(got, want)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }

    static void fails(String code, String says, Test f) {
        try {
            f.run();
        } catch (Exception e) {
            var error = Mobile.errorOf(e.getMessage());
            if (!error.code().equals(code) || !error.message().contains(says)) {
                throw new AssertionError("got " + e.getMessage() + ", want " + code + " that says " + says);
            }
            return;
        }
        throw new AssertionError("no error, want " + code);
    }

    static void errors() throws Exception {
        fails("ParseError", "configuration", () -> Mobile.start("{", null, null));
        fails("Generic", "program_name", () -> Mobile.start("{}", new Options(), null));
        Options loud = new Options();
        loud.setLogLevel("Loud");
        fails("InvalidArgument", "Loud", () -> Mobile.start(ALONE, loud, null));
        Options o = new Options();
        Secrets secrets = new Secrets();
        secrets.failure = "Locked: before the first unlock \uD800 and half a character";
        o.setProtectedStore(secrets);
        fails("TryAgain", "before the first unlock", () -> Mobile.start(ALONE, o, null));
        secrets.failure = "hardware is broken";
        fails("Internal", "hardware is broken", () -> Mobile.start(ALONE, o, null));
        Cancellation c = new Cancellation();
        c.cancel();
        fails("Timeout", "cancelled", () -> Mobile.start(ALONE, new Options(), c));
    }

    static void handles() throws Exception {
        Node n = new Node();
        fails("NotInitialized", "", () -> n.open(null));
        fails("NotInitialized", "", n::statusJSON);
        n.networkChanged();
        n.setForeground(true);
        n.close();
        Session s = new Session();
        fails("NotInitialized", "", () -> s.call(new byte[0], null));
        fails("NotInitialized", "", () -> s.begin(new byte[0], null));
        same(s.objects(), 0L);
        s.close();
        Node node = Mobile.start(ALONE, null, null);
        Session session = node.open(null);
        for (byte[] bad : new byte[][] {null, {}, {1}, {0, 0, 0, 9, 'x'}, {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff}}) {
            fails("ParseError", "message", () -> session.call(bad, null));
        }
        fails("InvalidArgument", "listener", () -> session.begin(Wire.encode("{}"), null));
        same(Wire.decode(session.call(Wire.encode("no json"), null)).kind(), "ParseError");
        node.close();
        same(Wire.decode(session.call(Wire.encode("{\"op\":\"Now\"}"), null)).kind(), "NotInitialized");
        session.close();
        session.close();
        node.close();
    }

    static void texts() throws Exception {
        Node node = Mobile.start(ALONE, null, null);
        Session s = node.open(null);
        String name = "ключ 🔑 \\u0000 \\\" end";
        byte[] value = new byte[1 << 20];
        new java.util.Random(1).nextBytes(value);
        same(Wire.call(s, "{\"op\":\"SaveUserSecret\",\"key\":\"" + name + "\",\"value\":\"#0\"}", value).line().get("value"), false);
        same(Wire.call(s, "{\"op\":\"LoadUserSecret\",\"key\":\"" + name + "\"}").bytes("value"), value);
        same(Wire.call(s, "{\"op\":\"SaveUserSecret\",\"key\":\"empty\",\"value\":\"#0\"}", new byte[0]).line().get("value"), false);
        same(Wire.call(s, "{\"op\":\"LoadUserSecret\",\"key\":\"empty\"}").bytes("value"), new byte[0]);
        same(Wire.call(s, "{\"op\":\"LoadUserSecret\",\"key\":\"none\"}").line().isNull("value"), true);
        node.close();
    }

    static void cancel() throws Exception {
        Node node = Mobile.start(ALONE, null, null);
        Session s = node.open(null);
        String waits = "{\"op\":\"WaitForAttachmentCondition\",\"condition\":{\"opt_public_internet_ready\":true}}";
        Cancellation c = new Cancellation();
        new Thread(c::cancel).start();
        same(Wire.decode(s.call(Wire.encode(waits), c)).kind(), "Timeout");
        BlockingQueue<Wire.Message> answers = new LinkedBlockingQueue<>();
        s.begin(Wire.encode(waits), m -> answers.add(Wire.decode(m))).cancel();
        same(answers.poll(10, TimeUnit.SECONDS).kind(), "Timeout");
        s.begin(Wire.encode(waits), m -> answers.add(Wire.decode(m)));
        node.close();
        same(answers.poll(10, TimeUnit.SECONDS).kind().isEmpty(), false);
    }

    static void begin() throws Exception {
        Node node = Mobile.start(ALONE, null, null);
        Session s = node.open(null);
        final int count = 1000;
        AtomicInteger answers = new AtomicInteger();
        CountDownLatch done = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            s.begin(Wire.encode("{\"op\":\"Now\"}"), m -> {
                answers.incrementAndGet();
                done.countDown();
                if (answers.get() % 2 == 0) {
                    throw new IllegalStateException("a listener that fails");
                }
            });
        }
        same(done.await(20, TimeUnit.SECONDS), true);
        s.close();
        same(answers.get(), count);
        same(s.calls(), 0L);
        node.close();
    }

    static void network() throws Exception {
        Path dir = Files.createTempDirectory("voile");
        try (Network net = new Network(3)) {
            Secrets secrets = new Secrets();
            Options o = new Options();
            o.setDirectory(dir.toString());
            o.setProtectedStore(secrets);
            o.setLogLevel("Debug");
            String config = net.config("alice");
            Node alice = Mobile.start(config, o, null);
            Node bob = Mobile.start(net.config("bob"), new Options(), null);
            BlockingQueue<Wire.Message> calls = new LinkedBlockingQueue<>();
            AtomicInteger logs = new AtomicInteger();
            Session a = alice.open(m -> {
                Wire.Message u = Wire.decode(m);
                switch (u.line().getString("kind")) {
                    case "AppCall", "AppMessage", "Shutdown" -> calls.add(u);
                    case "Log" -> logs.incrementAndGet();
                    default -> { }
                }
            });
            Session b = bob.open(null);
            String ready = "{\"op\":\"WaitForAttachmentCondition\",\"condition\":{\"opt_public_internet_ready\":true},\"timeout_ms\":60000}";
            for (Session s : new Session[] {a, b}) {
                Wire.call(s, "{\"op\":\"Attach\"}");
                Wire.call(s, ready);
            }

            // A call through a private route, with bytes that are no text.
            byte[] blob = null;
            for (int tries = 0; blob == null; tries++) {
                Wire.Message route = Wire.decode(a.call(Wire.encode("{\"op\":\"NewPrivateRoute\"}"), null));
                if (route.kind().isEmpty()) {
                    blob = route.parts().get(0);
                } else if (!route.kind().equals("TryAgain") || tries == 20) {
                    throw new AssertionError(route.line());
                } else {
                    Thread.sleep(500);
                }
            }
            String id = Wire.call(b, "{\"op\":\"ImportRemotePrivateRoute\",\"blob\":\"#0\"}", blob).line().getString("value");
            long context = Wire.call(b, "{\"op\":\"NewRoutingContext\"}").line().getLong("value");
            byte[] question = {0, 1, (byte) 0xff, 'h', 'i'};
            BlockingQueue<Wire.Message> replies = new LinkedBlockingQueue<>();
            b.begin(Wire.encode("{\"op\":\"RoutingContext\",\"rc_id\":" + context + ",\"rc_op\":\"AppCall\",\"target\":{\"RouteId\":\"" + id + "\"},\"message\":\"#0\"}", question),
                m -> replies.add(Wire.decode(m)));
            Wire.Message call = calls.poll(20, TimeUnit.SECONDS);
            same(call.bytes("message"), question);
            Wire.call(a, "{\"op\":\"AppCallReply\",\"call_id\":\"" + call.line().getString("call_id") + "\",\"message\":\"#0\"}", "and hello".getBytes(StandardCharsets.UTF_8));
            Wire.Message reply = replies.poll(20, TimeUnit.SECONDS);
            same(reply.kind(), "");
            same(new String(reply.bytes("value"), StandardCharsets.UTF_8), "and hello");

            // A record: written by one, read by the other.
            long own = Wire.call(a, "{\"op\":\"NewRoutingContext\"}").line().getLong("value");
            String rc = "{\"op\":\"RoutingContext\",\"rc_id\":%d,\"rc_op\":%s}";
            var record = Wire.call(a, rc.formatted(own, "\"CreateDhtRecord\",\"kind\":\"VLD0\",\"schema\":{\"kind\":\"DFLT\",\"o_cnt\":2}")).line().getJSONObject("value");
            String key = record.getString("key");
            byte[] value = "a value".getBytes(StandardCharsets.UTF_8);
            Wire.call(a, rc.formatted(own, "\"SetDhtValue\",\"key\":\"" + key + "\",\"subkey\":1,\"data\":\"#0\",\"options\":null"), value);
            Wire.call(a, rc.formatted(own, "\"FlushDhtRecord\",\"key\":\"" + key + "\",\"timeout_ms\":60000"));
            Wire.call(b, rc.formatted(context, "\"OpenDhtRecord\",\"key\":\"" + key + "\",\"writer\":null"));
            var got = Wire.call(b, rc.formatted(context, "\"GetDhtValue\",\"key\":\"" + key + "\",\"subkey\":1,\"force_refresh\":true"));
            same(got.parts().get(0), value);

            // A table, which survives a restart with the secrets that Java has kept.
            String table = "{\"op\":\"OpenTableDb\",\"name\":\"notes\",\"column_count\":1}";
            String row = "{\"op\":\"TableDb\",\"db_id\":%d,\"db_op\":%s}";
            byte[] name = {0, 'k'};
            Wire.call(a, row.formatted(Wire.call(a, table).line().getLong("value"), "\"Store\",\"col\":0,\"key\":\"#0\",\"value\":\"#1\""), name, value);
            same(a.objects(), 2L);
            bob.close();
            alice.close();
            same(calls.poll(10, TimeUnit.SECONDS).line().getString("kind"), "Shutdown");
            same(a.objects(), 0L);
            same(logs.get() > 0, true);
            same(secrets.values.isEmpty(), false);
            Node again = Mobile.start(config, o, null);
            Session c = again.open(null);
            same(Wire.call(c, row.formatted(Wire.call(c, table).line().getLong("value"), "\"Load\",\"col\":0,\"key\":\"#0\""), name).bytes("value"), value);
            again.close();
            Options other = new Options();
            other.setDirectory(dir.toString());
            other.setProtectedStore(new Secrets());
            Node stranger = Mobile.start(config, other, null); // wipes what it cannot read (table_store)
            Session d = stranger.open(null);
            same(Wire.call(d, row.formatted(Wire.call(d, table).line().getLong("value"), "\"Load\",\"col\":0,\"key\":\"#0\""), name).line().isNull("value"), true);
            stranger.close();
        }
    }

    /** Threads, open files and resident memory in KiB of this process. */
    record Use(long threads, long files, long memory) {
        static Use now() throws Exception {
            try (var tasks = Files.list(Path.of("/proc/self/task")); var fds = Files.list(Path.of("/proc/self/fd"))) {
                String status = Files.readString(Path.of("/proc/self/status"));
                long rss = status.lines().filter(l -> l.startsWith("VmRSS:")).mapToLong(l -> Long.parseLong(l.replaceAll("\\D", ""))).sum();
                return new Use(tasks.count(), fds.count(), rss);
            }
        }
    }

    /** The interfaces of this machine as an app tells them. */
    static String facts() throws Exception {
        JSONArray list = new JSONArray();
        for (NetworkInterface i : java.util.Collections.list(NetworkInterface.getNetworkInterfaces())) {
            JSONArray addresses = new JSONArray();
            for (var a : i.getInterfaceAddresses()) {
                addresses.put(new JSONObject().put("address", a.getAddress().getHostAddress() + "/" + a.getNetworkPrefixLength()));
            }
            list.put(new JSONObject().put("name", i.getName()).put("index", i.getIndex()).put("mtu", i.getMTU()).put("up", i.isUp())
                .put("loopback", i.isLoopback()).put("addresses", addresses));
        }
        return new JSONObject().put("interfaces", list).toString();
    }

    static void cycles() throws Exception {
        if (!Files.isDirectory(Path.of("/proc/self/task"))) {
            System.out.println("SKIP: no /proc to count threads and files in");
            return;
        }
        Path dir = Files.createTempDirectory("voile");
        Options o = new Options();
        o.setDirectory(dir.toString());
        o.setProtectedStore(new Secrets());
        AtomicInteger asked = new AtomicInteger();
        o.setNetwork(() -> {
            asked.incrementAndGet();
            return facts();
        });
        Use before = null;
        Network none = new Network(0);
        for (int i = 0; i < 120; i++) {
            Node node = Mobile.start(none.config("cycle"), o, null);
            BlockingQueue<String> kinds = new LinkedBlockingQueue<>();
            Session s = node.open(m -> {
                var line = Wire.decode(m).line();
                kinds.add(line.getString("kind") + line.optBoolean("started"));
            });
            Wire.call(s, "{\"op\":\"Attach\"}");
            Wire.call(s, "{\"op\":\"OpenTableDb\",\"name\":\"t\",\"column_count\":1}");
            Wire.call(s, "{\"op\":\"NewRoutingContext\"}");
            String kind = kinds.poll(20, TimeUnit.SECONDS);
            while (!kind.equals("Networktrue")) { // it runs
                kind = kinds.poll(20, TimeUnit.SECONDS);
            }
            node.networkChanged();
            node.setForeground(i % 2 == 0);
            node.close();
            same(s.objects(), 0L);
            same(kinds.stream().anyMatch("Shutdownfalse"::equals), true);
            if (i == 19) {
                System.gc();
                before = Use.now();
            }
        }
        same(asked.get() >= 120, true);
        System.gc();
        Use after = Use.now();
        System.out.println("after 20 cycles " + before + ", 100 later " + after);
        if (after.threads > before.threads + 8 || after.files > before.files + 4 || after.memory > before.memory + 48 * 1024) {
            throw new AssertionError("something is left: " + before + " became " + after);
        }
    }
}
