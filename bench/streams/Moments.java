import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/** A window's statistics while it is counted; mean and squared deviations by Welford's recurrence. */
class Moments {
  private static final int BYTE_COUNT = 40;

  private long count;
  private double min = Double.POSITIVE_INFINITY;
  private double max = Double.NEGATIVE_INFINITY;
  private double mean;
  private double m2;

  Moments add(double price) {
    count++;
    if (price < min) min = price;
    if (price > max) max = price;
    double delta = price - mean;
    mean += delta / count;
    m2 += delta * (price - mean);
    return this;
  }

  static class Writer implements Serializer<Moments> {
    @Override
    public byte[] serialize(String topic, Moments window) {
      if (window == null) return null;
      return ByteBuffer.allocate(BYTE_COUNT).putLong(window.count).putDouble(window.min)
          .putDouble(window.max).putDouble(window.mean).putDouble(window.m2).array();
    }
  }

  static class Reader implements Deserializer<Moments> {
    @Override
    public Moments deserialize(String topic, byte[] value) {
      if (value == null) return null;
      var bytes = ByteBuffer.wrap(value);
      var window = new Moments();
      window.count = bytes.getLong();
      window.min = bytes.getDouble();
      window.max = bytes.getDouble();
      window.mean = bytes.getDouble();
      window.m2 = bytes.getDouble();
      return window;
    }
  }
}
