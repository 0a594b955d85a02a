import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** The Flink that both jobs run in: this process, one slot, windows on the heap, no checkpoints, nothing but loopback. */
final class OneCore {
    private OneCore() {}

    static StreamExecutionEnvironment environment() {
        Configuration given = new Configuration();
        given.setString("state.backend.type", "hashmap");
        given.setString("pipeline.object-reuse", "true");
        given.setString("taskmanager.memory.managed.size", "64m");
        given.setString("taskmanager.memory.network.min", "64m");
        given.setString("taskmanager.memory.network.max", "64m");
        for (String host : new String[] {"rest.address", "rest.bind-address", "jobmanager.bind-host", "taskmanager.bind-host"}) {
            given.setString(host, "127.0.0.1");
        }
        given.setString("rest.port", "0");
        given.setString("rest.bind-port", "0");
        given.setString("table.local-time-zone", "UTC");
        return StreamExecutionEnvironment.createLocalEnvironment(1, given);
    }
}
