import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.WindowedSerializer;

/** Writes the key of a window's record as the aggregator does: "market@windowStart"; its partition is the market's. */
class WindowKeyWriter implements WindowedSerializer<Bytes> {
  @Override
  public byte[] serialize(String topic, Windowed<Bytes> key) {
    byte[] market = key.key().get();
    byte[] start = ("@" + key.window().start()).getBytes(StandardCharsets.ISO_8859_1);
    byte[] bytes = new byte[market.length + start.length];
    System.arraycopy(market, 0, bytes, 0, market.length);
    System.arraycopy(start, 0, bytes, market.length, start.length);
    return bytes;
  }

  @Override
  public byte[] serializeBaseKey(String topic, Windowed<Bytes> key) {
    return key.key().get();
  }

  /** As a serde; it is never read by. */
  Serde<Windowed<Bytes>> serde() {
    Deserializer<Windowed<Bytes>> none = (topic, bytes) -> {
      throw new UnsupportedOperationException();
    };
    return Serdes.serdeFrom(this, none);
  }
}
