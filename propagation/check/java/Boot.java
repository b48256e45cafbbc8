// In a package: of one without a name Spring would search every library for beans.
package a;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/** A, with Spring Boot: each path asks B in another way and answers with what B says. */
@SpringBootApplication
@RestController
public class Boot {
    static final String B = System.getenv("B_URL");
    final RestClient injected;

    Boot(RestClient.Builder builder) {
        injected = builder.build();
    }

    @GetMapping("/builder")
    String byTheBuilder() {
        return injected.get().uri(B).retrieve().body(String.class);
    }

    @GetMapping("/create")
    String byAClientOfItsOwn() {
        return RestClient.create().get().uri(B).retrieve().body(String.class);
    }

    public static void main(String[] arguments) {
        SpringApplication.run(Boot.class, arguments);
    }
}
