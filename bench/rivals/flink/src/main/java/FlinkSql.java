import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** Runs the statements of a file, one a line, each to its end. Usage: FlinkSql FILE */
public final class FlinkSql {
    private FlinkSql() {}

    public static void main(String[] args) throws Exception {
        StreamTableEnvironment tables = StreamTableEnvironment.create(OneCore.environment());
        for (String statement : Files.readAllLines(Path.of(args[0]))) {
            tables.executeSql(statement).await();
        }
        System.exit(0);
    }
}
