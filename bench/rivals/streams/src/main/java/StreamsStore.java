import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The plain job on Kafka Streams: amounts by customer and time in one in-memory store, running totals in another,
 * both with their changelogs. Runs until it is terminated. Usage: StreamsStore BROKER TOPIC ALERTS THRESHOLD FOLDER
 */
public final class StreamsStore {
    private static final long WINDOW_MS = 600_000;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private StreamsStore() {}

    public static void main(String[] args) {
        double threshold = Double.parseDouble(args[3]);
        Properties given = new Properties();
        given.put("application.id", args[2]);
        given.put("bootstrap.servers", args[0]);
        given.put("state.dir", args[4]);
        given.put("num.stream.threads", "1");
        given.put("commit.interval.ms", "100");
        given.put("processing.guarantee", "at_least_once");
        given.put("replication.factor", "1");
        given.put("consumer.auto.offset.reset", "earliest");
        given.put("producer.batch.size", "262144");
        given.put("producer.linger.ms", "20");

        Topology topology = new Topology();
        topology.addSource("payments", Serdes.String().deserializer(), new ByteArrayDeserializer(), args[1]);
        topology.addProcessor("judge", () -> new Judge(threshold), "payments");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("rows"), Serdes.ByteArray(), Serdes.Double()), "judge");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("totals"), Serdes.String(), Serdes.ByteArray()), "judge");
        Serializer<Alert> json = (topic, alert) -> toJson(alert);
        topology.addSink("alerts", args[2], Serdes.String().serializer(), json, "judge");

        KafkaStreams streams = new KafkaStreams(topology, given);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static byte[] toJson(Alert alert) {
        try {
            return MAPPER.writeValueAsBytes(alert);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static class Payment {
        public String id;
        public String customer;
        public long time;
        public int quantity;
        public double amount;
    }

    public static class Alert {
        public String id;
        public long count_10m;
        public double sum_10m;
        public boolean many;
        public boolean much;
        public boolean large;
    }

    static final class Judge implements Processor<String, byte[], String, Alert> {
        private final double threshold;
        private final ObjectReader reader = MAPPER.readerFor(Payment.class);
        private ProcessorContext<String, Alert> context;
        private KeyValueStore<byte[], Double> rows;
        private KeyValueStore<String, byte[]> totals;
        private long count;
        private double sum;

        Judge(double threshold) {
            this.threshold = threshold;
        }

        @Override
        public void init(ProcessorContext<String, Alert> context) {
            this.context = context;
            rows = context.getStateStore("rows");
            totals = context.getStateStore("totals");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            Payment payment;
            try {
                payment = reader.readValue(record.value());
            } catch (IOException broken) {
                throw new IllegalArgumentException(broken);
            }
            update(payment);
            boolean many = count > 150;
            boolean much = sum > threshold;
            boolean large = payment.quantity > 120;
            if (many || much || large) {
                Alert alert = new Alert();
                alert.id = payment.id;
                alert.count_10m = count;
                alert.sum_10m = sum;
                alert.many = many;
                alert.much = much;
                alert.large = large;
                context.forward(record.withValue(alert));
            }
        }

        /** Puts a payment into its customer's rows; `count` and `sum` are then as of it. */
        private void update(Payment payment) {
            byte[] known = totals.get(payment.customer);
            long oldest = payment.time;
            int sequence = 0;
            count = 0;
            sum = 0;
            if (known != null) {
                ByteBuffer fields = ByteBuffer.wrap(known);
                count = fields.getLong();
                sum = fields.getDouble();
                oldest = Math.min(oldest, fields.getLong());
                sequence = fields.getInt();
            }
            if (oldest <= payment.time - WINDOW_MS) {
                oldest = expire(payment.customer, oldest, payment.time);
            }
            rows.put(key(payment.customer, payment.time, sequence), payment.amount);
            count++;
            sum += payment.amount;
            ByteBuffer fields = ByteBuffer.allocate(28);
            fields.putLong(count).putDouble(sum).putLong(oldest).putInt(sequence + 1);
            totals.put(payment.customer, fields.array());
        }

        /** Takes out what has left the window; the time of the oldest row that stays. */
        private long expire(String customer, long from, long now) {
            List<byte[]> gone = new ArrayList<>(2);
            long oldest = now;
            try (KeyValueIterator<byte[], Double> found =
                    rows.range(key(customer, from, 0), key(customer, now, Integer.MAX_VALUE))) {
                while (found.hasNext()) {
                    KeyValue<byte[], Double> row = found.next();
                    long time = ByteBuffer.wrap(row.key).getLong(row.key.length - 12);
                    if (time > now - WINDOW_MS) {
                        oldest = time;
                        break;
                    }
                    count--;
                    sum -= row.value;
                    gone.add(row.key);
                }
            }
            gone.forEach(rows::delete);
            return oldest;
        }

        private static byte[] key(String customer, long time, int sequence) {
            byte[] name = customer.getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.allocate(name.length + 13).put(name).put((byte) 0).putLong(time).putInt(sequence).array();
        }
    }
}
