import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.kafka.common.serialization.Deserializer;

/** What is counted of a market's observation; its market is the record's key. */
record Sample(double price, long tickMs) {
  /** Reads record values, token by token: nothing is built but the sample. */
  static class Reader implements Deserializer<Sample> {
    private final JsonFactory json =
        JsonFactory.builder().enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).build();

    @Override
    public Sample deserialize(String topic, byte[] value) {
      double price = Double.NaN;
      long tickMs = -1;
      try (JsonParser parser = json.createParser(value)) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          if (name.equals("price")) price = parser.getDoubleValue();
          else if (name.equals("tickMs")) tickMs = parser.getLongValue();
        }
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      return new Sample(price, tickMs);
    }
  }
}
