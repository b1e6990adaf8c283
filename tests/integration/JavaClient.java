import java.io.*;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own Java client, as a program of another team would use it. Lines come by standard input. */
public class JavaClient {
  static final Map<String, Producer<byte[], byte[]>> producers = new HashMap<>();

  public static void main(String[] args) throws Exception {
    List<String> lines = new BufferedReader(new InputStreamReader(System.in)).lines().toList();
    if (args[0].equals("partitions")) partitions(args, lines);
    else if (args[0].equals("send")) send(args, lines);
    else transact(args, lines);
  }

  /** partitions COUNT…: of each key, in hexadecimal, its partition for each count. */
  static void partitions(String[] args, List<String> keys) {
    for (String key : keys) {
      System.out.println(Arrays.stream(args).skip(1)
          .map(n -> "" + BuiltInPartitioner.partitionForKey(bytes(key), Integer.parseInt(n)))
          .collect(Collectors.joining(" ")));
    }
  }

  /** send BROKER TOPIC PROPERTY=VALUE…: "KEY VALUE", in hexadecimal; where each landed. */
  static void send(String[] args, List<String> records) throws Exception {
    try (var producer = producer(args)) {
      var sent = new ArrayList<java.util.concurrent.Future<RecordMetadata>>();
      for (String record : records) {
        String[] parts = record.split(" ", 2);
        sent.add(producer.send(new ProducerRecord<>(args[2], bytes(parts[0]), bytes(parts[1]))));
      }
      for (var one : sent) System.out.println(one.get().partition());
    }
  }

  /**
   * transact BROKER TOPIC PROPERTY=VALUE…: "ID begin|flush|commit|abort", "ID send WORD COUNT" (to
   * partition 0), or "halt", which ends it as a crash does.
   */
  static void transact(String[] args, List<String> lines) throws Exception {
    for (String line : lines) {
      String[] words = line.split(" ");
      if (words[0].equals("halt")) Runtime.getRuntime().halt(0);
      var producer = producers.get(words[0]);
      if (producer == null) {
        String id = "transactional.id=" + words[0];
        producer = producer(Stream.concat(Arrays.stream(args), Stream.of(id)).toArray(String[]::new));
        producer.initTransactions();
        producers.put(words[0], producer);
      }
      switch (words[1]) {
        case "begin" -> producer.beginTransaction();
        case "flush" -> producer.flush();
        case "commit" -> producer.commitTransaction();
        case "abort" -> producer.abortTransaction();
        case "send" -> {
          for (int i = 0; i < Integer.parseInt(words[3]); i++) {
            byte[] text = (words[2] + " " + i).getBytes("UTF-8");
            producer.send(new ProducerRecord<>(args[2], 0, text, text));
          }
        }
      }
    }
    for (var producer : producers.values()) producer.close();
  }

  static Producer<byte[], byte[]> producer(String[] args) {
    var properties = new Properties();
    properties.put("bootstrap.servers", args[1]);
    for (int i = 3; i < args.length; i++) {
      String[] property = args[i].split("=", 2);
      properties.put(property[0], property[1]);
    }
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }
}
