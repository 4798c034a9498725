import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.cql.AsyncResultSet;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.Row;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** The same scenarios with the Java driver; prints what the Rust clients print. */
public final class Client {
  private static final String INSERT = "INSERT INTO bench.kv (id, payload) VALUES (?, ?)";
  private static final String READ = "SELECT id, payload FROM bench.kv WHERE id = ?";
  private static final String PAGE = "SELECT id, payload FROM bench.kv";

  /** Requests in flight when many statements are wanted: there is no interface for them. */
  private static final int MANY = 1024;

  /** Latencies that all callers together have room for, so that remembering them allocates nothing. */
  private static final int SAMPLES = 1 << 21;

  private enum Phase {
    WARM_UP,
    MEASURED,
    OVER
  }

  private static volatile Phase phase = Phase.WARM_UP;

  private final CqlSession session;
  private final PreparedStatement statement;
  private final String scenario;
  private final byte[] payload = new byte[100];

  private Client(CqlSession session, String scenario) {
    this.session = session;
    this.scenario = scenario;
    this.statement = session.prepare(scenario.equals("read") ? READ : scenario.equals("page") ? PAGE : INSERT);
    Arrays.fill(payload, (byte) 0x70);
  }

  public static void main(String[] words) throws Exception {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i < words.length; i++) {
      boolean flag = i + 1 == words.length || words[i + 1].startsWith("--");
      options.put(words[i].substring(2), flag ? "" : words[++i]);
    }
    String scenario = options.get("scenario");
    int callers = Integer.parseInt(options.getOrDefault("concurrency", "1"));
    if (scenario.equals("concurrent") || scenario.equals("bulk")) {
      scenario = "insert";
      callers = MANY;
    }
    int colon = options.get("contact-point").lastIndexOf(':');
    InetSocketAddress host =
        new InetSocketAddress(
            options.get("contact-point").substring(0, colon),
            Integer.parseInt(options.get("contact-point").substring(colon + 1)));
    DriverConfigLoader config =
        DriverConfigLoader.programmaticBuilder()
            .withString(DefaultDriverOption.PROTOCOL_VERSION, "V4")
            // By default 1024 at a time, and more are an error.
            .withInt(DefaultDriverOption.CONNECTION_MAX_REQUESTS, 16384)
            .build();
    try (CqlSession session =
        CqlSession.builder()
            .addContactPoint(host)
            .withLocalDatacenter("datacenter1")
            .withConfigLoader(config)
            .build()) {
      new Client(session, scenario).measure(callers, options);
    }
  }

  private void measure(int callers, Map<String, String> options) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    boolean handShake = options.containsKey("hand-shake");
    List<Caller> all = new ArrayList<>();
    for (int i = 0; i < callers; i++) {
      Caller caller = new Caller(i, callers);
      all.add(caller);
      caller.next();
    }
    sleep(Double.parseDouble(options.getOrDefault("warm-up", "0.5")));
    if (handShake) {
      System.out.println("ready");
      input.readLine();
    }
    long started = System.nanoTime();
    long cpu = cpuTime();
    phase = Phase.MEASURED;
    sleep(Double.parseDouble(options.getOrDefault("seconds", "2")));
    double seconds = (System.nanoTime() - started) / 1e9;
    double cpuSeconds = (cpuTime() - cpu) / 1e9;
    phase = Phase.OVER;
    long operations = 0;
    long[] latencies = new long[0];
    for (Caller caller : all) {
      caller.done.get();
      operations += caller.operations;
      int before = latencies.length;
      latencies = Arrays.copyOf(latencies, before + caller.seen);
      System.arraycopy(caller.latencies, 0, latencies, before, caller.seen);
    }
    Arrays.sort(latencies);
    System.out.printf(
        Locale.ROOT,
        "{\"operations\":%d,\"seconds\":%f,\"operations_per_second\":%f,\"cpu_us_per_operation\":%f,"
            + "\"cpu_percent\":%f,\"p50_us\":%s,\"p99_us\":%s,\"p999_us\":%s,\"peak_resident_kib\":%d}%n",
        operations,
        seconds,
        operations / seconds,
        cpuSeconds * 1e6 / Math.max(operations, 1),
        cpuSeconds / seconds * 100,
        quantile(latencies, 0.5),
        quantile(latencies, 0.99),
        quantile(latencies, 0.999),
        peakResidentKiB());
    if (handShake) {
      input.readLine();
    }
  }

  /** One request at a time; each answer sends the next. */
  private final class Caller {
    final CompletableFuture<Void> done = new CompletableFuture<>();
    final long[] latencies;
    final int step;
    long id;
    long operations;
    int seen;

    Caller(int first, int callers) {
      id = first;
      step = callers;
      latencies = new long[SAMPLES / callers];
    }

    void next() {
      Phase now = phase;
      if (now == Phase.OVER) {
        done.complete(null);
        return;
      }
      long started = System.nanoTime();
      session.executeAsync(bind(id)).whenComplete((rows, error) -> answered(now, started, rows, error));
      id += step;
    }

    void answered(Phase then, long started, AsyncResultSet rows, Throwable error) {
      if (error != null) {
        done.completeExceptionally(error);
        return;
      }
      long made = scenario.equals("insert") ? 1 : decode(rows);
      if (then == Phase.MEASURED) {
        operations += made;
        if (seen < latencies.length) {
          latencies[seen++] = System.nanoTime() - started;
        }
      }
      next();
    }
  }

  private BoundStatement bind(long id) {
    return switch (scenario) {
      case "insert" -> statement.bind(id, ByteBuffer.wrap(payload));
      case "read" -> statement.bind(id);
      default -> statement.bind();
    };
  }

  private static long decode(AsyncResultSet rows) {
    long count = 0;
    for (Row row : rows.currentPage()) {
      row.getLong(0);
      row.getByteBuffer(1);
      count++;
    }
    return count;
  }

  private static String quantile(long[] sorted, double q) {
    if (sorted.length == 0) {
      return "null";
    }
    return String.valueOf(sorted[(int) Math.min(sorted.length * q, sorted.length - 1)] / 1000.0);
  }

  private static long cpuTime() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static long peakResidentKiB() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    return 0;
  }

  private static void sleep(double seconds) throws InterruptedException {
    Thread.sleep((long) (seconds * 1000));
  }
}
