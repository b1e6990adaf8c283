import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The aggregator's job by Kafka Streams: hourly statistics per market of the topic "samples".
 *
 * <p>OUTPUT COUNT PROPERTY=VALUE…: counts until so many samples are through, then closes, which
 * flushes and commits. It keeps to what is quickest of the documented ways: records are keyed by
 * market already, so nothing is repartitioned; keys stay bytes; of a sample's JSON only the fields
 * needed become values; state and output are 40 bytes.
 */
public class StreamsRace {
  static final Duration WINDOW_SIZE = Duration.ofHours(1);
  static final Duration GRACE = Duration.ofMinutes(5);

  public static void main(String[] args) throws Exception {
    long sampleCount = Long.parseLong(args[1]);
    var properties = new Properties();
    for (int i = 2; i < args.length; i++) {
      String[] property = args[i].split("=", 2);
      properties.put(property[0], property[1]);
    }
    var counted = new AtomicLong();
    var done = new CountDownLatch(1);
    Runnable onCounted = () -> {
      if (counted.incrementAndGet() == sampleCount) done.countDown();
    };
    var streams = new KafkaStreams(topology(args[0], onCounted), properties);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    done.await();
    streams.close();
  }

  static Topology topology(String output, Runnable onCounted) {
    Serde<Sample> samples = Serdes.serdeFrom((topic, sample) -> null, new Sample.Reader());
    Serde<Moments> moments = Serdes.serdeFrom(new Moments.Writer(), new Moments.Reader());
    var builder = new StreamsBuilder();
    builder
        .stream("samples", Consumed.with(Serdes.Bytes(), samples)
            .withTimestampExtractor((record, streamTime) -> ((Sample) record.value()).tickMs()))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW_SIZE, GRACE))
        .aggregate(
            Moments::new,
            (market, sample, window) -> {
              onCounted.run();
              return window.add(sample.price());
            },
            Materialized.<Bytes, Moments, WindowStore<Bytes, byte[]>>as("windows")
                .withKeySerde(Serdes.Bytes())
                .withValueSerde(moments))
        .toStream()
        .to(output, Produced.with(new WindowKeyWriter().serde(), moments));
    return builder.build();
  }
}
