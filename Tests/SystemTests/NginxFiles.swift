/// What nginx serves and wrk asks in the test against nginx's access log.
enum NginxFiles {
    private static func beginning(_ folder: String) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"]
            .map { "    \($0)_temp_path \(folder)/nginx-\($0);" }.joined(separator: "\n")
        return """
            daemon off;
            master_process off;
            pid \(folder)/nginx.pid;
            error_log \(folder)/nginx.err warn;
            events { worker_connections 512; }
            http {
            \(temporary)
            """
    }

    /// nginx before an application server, with connections to it that stay open.
    static func proxy(folder: String, address: String, to server: String) -> String {
        """
        \(beginning(folder))
            access_log off;
            upstream application { server \(server); keepalive 8; }
            server {
                listen \(address);
                location / {
                    proxy_pass http://application;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                }
            }
        }

        """
    }

    /// One process, four scenarios, a code in each body chosen by the request's id; the payout is
    /// chunked because nginx does not know the length of what `sub_filter` will write.
    static func configuration(folder: String, address: String) -> String {
        """
        \(beginning(folder))
            default_type application/json;
            keepalive_requests 1000000;
            split_clients $request_id $code { 8% E1001; 4% E9999; * 0000; }
            log_format flows '$uri $status $code $bytes_sent';
            access_log \(folder)/access.log flows buffer=64k flush=1s;
            server {
                listen \(address);
                location ~ ^/api/credit/[^/]+/decision$ {
                    return 200 '{"id":"$request_id","code":"$code","limit":50000}';
                }
                location ~ ^/api/loan/[^/]+/payout$ {
                    sub_filter_types *;
                    sub_filter '@' '';
                    return 200 '{"id":"@$request_id","code":"$code"}';
                }
                location ~ ^/api/repay/[^/]+/settle$ { return 200 '{"code":"$code"}'; }
                location ~ ^/api/account/[^/]+/summary$ {
                    return 200 '{"balance":-12.5,"code":"$code","open":[1,2,3]}';
                }
                location = /health { return 204; }
            }
        }

        """
    }

    /// A mix of flows and noise; each connection pauses 5 to 35 ms before its next request, so that
    /// two cores carry client, server and agent.
    static let load = """
        math.randomseed(1)
        local headers = {["Content-Type"] = "application/json"}
        local function post(path) return wrk.format("POST", path, headers, '{"amount":100}') end
        function request()
          local id, dice = math.random(1, 1000000), math.random(100)
          if dice <= 10 then return post("/api/credit/A" .. id .. "/decision") end
          if dice <= 30 then return post("/api/loan/L" .. id .. "/payout") end
          if dice <= 50 then return post("/api/repay/L" .. id .. "/settle") end
          if dice <= 90 then return wrk.format("GET", "/api/account/C" .. id .. "/summary?v=1") end
          if dice <= 95 then return wrk.format("GET", "/health") end
          return wrk.format("GET", "/missing/" .. id)
        end
        function delay() return math.random(5, 35) end

        """

    private static let scenarios = [
        "credit": "credit", "loan": "drawdown", "repay": "repayment", "account": "query",
    ]

    /// The flows in an access log by scenario.
    static func flows(inLog log: String) throws -> [String: Flows] {
        var found: [String: Flows] = [:]
        for line in log.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 4, let bytes = Int(words[3]) else {
                throw Trouble("a line of the access log: \(line)")
            }
            // A request whose client left before anything was sent has no response on the wire.
            guard bytes > 0 else { continue }
            let path = words[0].split(separator: "/")
            guard path.count == 4, let scenario = scenarios[String(path[1])] else { continue }
            found[scenario, default: Flows()].requests += 1
            switch words[2] {
            case "0000": found[scenario, default: Flows()].completed += 1
            case "E1001": found[scenario, default: Flows()].refused += 1
            case "E9999": found[scenario, default: Flows()].failed += 1
            default: throw Trouble("a line of the access log: \(line)")
            }
        }
        return found
    }
}
