import Testing

/// Application servers that others wrote, with one small application on each.
///
/// It answers `POST /api/repay` with a JSON body that has `repayNo`, and `GET /api/account`. The
/// last digit of the number decides: 9 fails, 8 is refused, others succeed. Answers are JSON with the
/// code last, compressed and in chunks where the client takes that. Its arguments are the port and
/// the log, a line of which tells what was answered: scenario, key, code.
enum Application: String, CaseIterable, CustomTestStringConvertible {
    /// `http.server` of Python's own library, behind nginx.
    case python
    /// `com.sun.net.httpserver` of the JDK.
    case java
    case node

    var testDescription: String { rawValue }

    var program: String { self == .python ? "python3" : rawValue }

    /// Its source's name and text.
    var source: (name: String, text: String) {
        switch self {
        case .python: ("application.py", Self.pythonText)
        case .java: ("Application.java", Self.javaText)
        case .node: ("application.js", Self.nodeText)
        }
    }

    /// The scenarios as a person writes them in agent.yaml.
    static let rules = """
        scenarios:
          - id: repayment
            steps:
              - name: repay
                when: {method: POST, path: /api/repay}
                flow_key: body.repayNo
                outcome:
                  completed: {status: 2xx, body: {result.code: ["0000"]}}
                  refused: {status: 2xx, body: {result.code: [E1001]}}
                  failed: {body: {result.code: [E9999]}}
          - id: query
            steps:
              - when: {method: GET, path: /api/account, query: {kind: summary}}
                outcome:
                  completed: {status: 2xx, body: {result.code: ["0000"]}}

        """

    /// What must be nowhere but with the application and its clients: values of the load, and the
    /// beginning of all its keys.
    static let identifiers = [
        "110101199003070000", "13900000000", "6222020200112233445", "U77001122", "R-10000",
        "R-20000",
    ]

    /// wrk on one connection in each thread, which sends every number twice and then stops.
    static func load(requests: Int) -> String {
        """
        local threads = 0
        function setup(thread)
          threads = threads + 1
          thread:set("number", threads)
        end
        function init(args) sent = 0; done = 0 end
        function request()
          sent = sent + 1
          local no = number * 1000000 + math.floor(sent / 3)
          if sent % 3 == 0 then
            return wrk.format("GET", "/api/account?userId=U77001122&kind=summary&no=" .. no, {["Accept-Encoding"] = "gzip"})
          end
          local body = '{"user":{"idNo":"110101199003070000","mobile":"13900000000"},"card":"6222020200112233445","amount":1,"repayNo":"R-' .. no .. '"}'
          return wrk.format("POST", "/api/repay", {["Content-Type"] = "application/json", ["Accept-Encoding"] = "gzip"}, body)
        end
        function response()
          done = done + 1
          if done == \(requests) then wrk.thread:stop() end
        end

        """
    }

    private static let pythonText = """
        import gzip, http.server, json, re, sys

        log = open(sys.argv[2], "w", buffering=1)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_): pass

            def answer(self, scenario, key):
                digit = key[-1:]
                code = {"9": "E9999", "8": "E1001"}.get(digit, "0000") if scenario == "repayment" else "0000"
                body = json.dumps({"data": ["filler"] * 50, "result": {"code": code}}).encode()
                log.write(f"{scenario} {key} {code}\\n")
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                if "gzip" in self.headers.get("Accept-Encoding", ""):
                    body = gzip.compress(body)
                    self.send_header("Content-Encoding", "gzip")
                if self.request_version == "HTTP/1.0":
                    self.end_headers()
                    self.wfile.write(body)
                    self.close_connection = True
                    return
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in (body[:7], body[7:]):
                    self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
                self.wfile.write(b"0\\r\\n\\r\\n")

            def do_GET(self): self.answer("query", "-")

            def do_POST(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer("repayment", json.loads(body)["repayNo"])

        http.server.ThreadingHTTPServer.request_queue_size = 128
        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

        """

    private static let javaText = """
        import com.sun.net.httpserver.*;
        import java.io.*;
        import java.net.InetSocketAddress;
        import java.nio.charset.StandardCharsets;
        import java.util.concurrent.Executors;
        import java.util.regex.*;
        import java.util.zip.GZIPOutputStream;

        public class Application {
            static PrintWriter log;
            static final Pattern NUMBER = Pattern.compile("\\"repayNo\\"\\\\s*:\\\\s*\\"([^\\"]*)\\"");

            static void answer(HttpExchange exchange, String scenario, String key) throws IOException {
                char digit = key.charAt(key.length() - 1);
                String code = !scenario.equals("repayment") ? "0000"
                    : digit == '9' ? "E9999" : digit == '8' ? "E1001" : "0000";
                byte[] body = ("{\\"data\\":[" + "\\"filler\\",".repeat(50) + "0],\\"result\\":{\\"code\\":\\""
                    + code + "\\"}}").getBytes(StandardCharsets.UTF_8);
                synchronized (log) { log.println(scenario + " " + key + " " + code); log.flush(); }
                exchange.getResponseHeaders().set("Content-Type", "application/json");
                String accepted = exchange.getRequestHeaders().getFirst("Accept-Encoding");
                boolean isCompressed = accepted != null && accepted.contains("gzip");
                if (isCompressed) exchange.getResponseHeaders().set("Content-Encoding", "gzip");
                exchange.sendResponseHeaders(200, 0);
                OutputStream out = exchange.getResponseBody();
                if (isCompressed) out = new GZIPOutputStream(out);
                out.write(body, 0, 7);
                out.flush();
                out.write(body, 7, body.length - 7);
                out.close();
            }

            public static void main(String[] arguments) throws Exception {
                System.setProperty("sun.net.httpserver.nodelay", "true");
                log = new PrintWriter(new FileWriter(arguments[1]));
                HttpServer server = HttpServer.create(
                    new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 128);
                server.setExecutor(Executors.newFixedThreadPool(4));
                server.createContext("/api/account", exchange -> answer(exchange, "query", "-"));
                server.createContext("/api/repay", exchange -> {
                    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
                    Matcher matcher = NUMBER.matcher(body);
                    matcher.find();
                    answer(exchange, "repayment", matcher.group(1));
                });
                server.start();
            }
        }

        """

    private static let nodeText = """
        const http = require("http"), zlib = require("zlib"), fs = require("fs");
        const log = fs.openSync(process.argv[3], "w");

        function answer(request, response, scenario, key) {
          const digit = key.slice(-1);
          const code = scenario !== "repayment" ? "0000"
            : digit === "9" ? "E9999" : digit === "8" ? "E1001" : "0000";
          const body = JSON.stringify({data: Array(50).fill("filler"), result: {code}});
          fs.writeSync(log, `${scenario} ${key} ${code}\\n`);
          response.setHeader("Content-Type", "application/json");
          if ((request.headers["accept-encoding"] || "").includes("gzip")) {
            response.setHeader("Content-Encoding", "gzip");
            const stream = zlib.createGzip();
            stream.pipe(response);
            stream.write(body.slice(0, 7));
            stream.flush(() => stream.end(body.slice(7)));
          } else {
            response.write(body.slice(0, 7));
            response.end(body.slice(7));
          }
        }

        http.createServer((request, response) => {
          const parts = [];
          request.on("data", part => parts.push(part));
          request.on("end", () => {
            if (request.method === "GET") return answer(request, response, "query", "-");
            answer(request, response, "repayment", JSON.parse(Buffer.concat(parts)).repayNo);
          });
        }).listen(+process.argv[2], "127.0.0.1", 128);

        """
}
