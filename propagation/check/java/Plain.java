import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

/** A, of the JDK alone: each path asks B in another way and answers with what B says. */
public class Plain {
    static final URI B = URI.create(System.getenv("B_URL"));
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static byte[] byClient() throws Exception {
        return CLIENT.send(HttpRequest.newBuilder(B).build(), BodyHandlers.ofByteArray()).body();
    }

    static byte[] byConnection() throws Exception {
        try (var reply = B.toURL().openStream()) {
            return reply.readAllBytes();
        }
    }

    static byte[] inAnExecutor() throws Exception {
        var executor = Executors.newSingleThreadExecutor();
        try {
            return executor.submit(Plain::byClient).get();
        } finally {
            executor.shutdown();
        }
    }

    static byte[] inAFuture() throws Exception {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return byClient();
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        }).get();
    }

    static void serve(HttpServer server, String path, Callable<byte[]> ask) {
        server.createContext(path, exchange -> {
            try (exchange) {
                byte[] answer = ask.call();
                exchange.sendResponseHeaders(200, answer.length);
                exchange.getResponseBody().write(answer);
            } catch (Exception error) {
                throw new java.io.IOException(error);
            }
        });
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(System.getenv("A_PORT"));
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        serve(server, "/client", Plain::byClient);
        serve(server, "/connection", Plain::byConnection);
        serve(server, "/executor", Plain::inAnExecutor);
        serve(server, "/future", Plain::inAFuture);
        server.start();
    }
}
