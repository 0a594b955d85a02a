import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * The plain job as an expert would write it by hand: a ring buffer per customer, with running totals.
 * It relies on events of a customer coming in order of time. Usage: FlinkRing BROKER TOPIC ALERTS THRESHOLD
 */
public final class FlinkRing {
    private static final long WINDOW_MS = 600_000;

    private FlinkRing() {}

    public static void main(String[] args) throws Exception {
        String broker = args[0];
        StreamExecutionEnvironment flink = OneCore.environment();
        KafkaSource<Payment> source = KafkaSource.<Payment>builder()
                .setBootstrapServers(broker)
                .setTopics(args[1])
                .setGroupId(args[2])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest())
                .setValueOnlyDeserializer(new FromJson())
                .build();
        Properties producer = new Properties();
        producer.put("batch.size", "262144");
        producer.put("linger.ms", "20");
        KafkaSink<Alert> sink = KafkaSink.<Alert>builder()
                .setBootstrapServers(broker)
                .setKafkaProducerConfig(producer)
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer(KafkaRecordSerializationSchema.<Alert>builder()
                        .setTopic(args[2])
                        .setValueSerializationSchema(new ToJson())
                        .build())
                .build();
        flink.fromSource(source, WatermarkStrategy.noWatermarks(), "payments")
                .keyBy(payment -> payment.customer)
                .process(new Judge(Double.parseDouble(args[3])))
                .returns(Alert.class)
                .sinkTo(sink);
        flink.execute();
        System.exit(0);
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

    /** The amounts of one customer's last ten minutes, oldest at `head`. */
    public static class Ring {
        public long[] times = new long[16];
        public double[] amounts = new double[16];
        public int head;
        public int size;
        public double sum;

        void add(long time, double amount) {
            while (size > 0 && times[head] <= time - WINDOW_MS) {
                sum -= amounts[head];
                head = (head + 1) & (times.length - 1);
                size--;
            }
            if (size == times.length) {
                grow();
            }
            int place = (head + size) & (times.length - 1);
            times[place] = time;
            amounts[place] = amount;
            size++;
            sum += amount;
        }

        private void grow() {
            long[] moreTimes = new long[size * 2];
            double[] moreAmounts = new double[size * 2];
            for (int i = 0; i < size; i++) {
                int place = (head + i) & (size - 1);
                moreTimes[i] = times[place];
                moreAmounts[i] = amounts[place];
            }
            times = moreTimes;
            amounts = moreAmounts;
            head = 0;
        }
    }

    static final class Judge extends KeyedProcessFunction<String, Payment, Alert> {
        private final double threshold;
        private transient ValueState<Ring> rings;

        Judge(double threshold) {
            this.threshold = threshold;
        }

        @Override
        public void open(OpenContext context) {
            rings = getRuntimeContext().getState(new ValueStateDescriptor<>("ring", Ring.class));
        }

        @Override
        public void processElement(Payment payment, Context context, Collector<Alert> alerts) throws Exception {
            Ring ring = rings.value();
            if (ring == null) {
                ring = new Ring();
            }
            ring.add(payment.time, payment.amount);
            rings.update(ring);
            boolean many = ring.size > 150;
            boolean much = ring.sum > threshold;
            boolean large = payment.quantity > 120;
            if (many || much || large) {
                Alert alert = new Alert();
                alert.id = payment.id;
                alert.count_10m = ring.size;
                alert.sum_10m = ring.sum;
                alert.many = many;
                alert.much = much;
                alert.large = large;
                alerts.collect(alert);
            }
        }
    }

    static final class FromJson extends AbstractDeserializationSchema<Payment> {
        private transient ObjectReader reader;

        FromJson() {
            super(Payment.class);
        }

        @Override
        public void open(InitializationContext context) {
            reader = new ObjectMapper().readerFor(Payment.class);
        }

        @Override
        public Payment deserialize(byte[] json) throws IOException {
            return reader.readValue(json);
        }
    }

    static final class ToJson implements SerializationSchema<Alert> {
        private transient ObjectMapper mapper;

        @Override
        public void open(InitializationContext context) {
            mapper = new ObjectMapper();
        }

        @Override
        public byte[] serialize(Alert alert) {
            try {
                return mapper.writeValueAsBytes(alert);
            } catch (JsonProcessingException impossible) {
                throw new IllegalStateException(impossible);
            }
        }
    }
}
