"""A little traffic to count: a server on loopback, asked a few times a second for ever new loans.

usage: Chaos/traffic.py PORT"""
import http.client, http.server, sys, threading, time

PAUSE = 0.1


class Loans(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"code": "0000"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    port = int(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Loans)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    number = 0
    while True:
        number += 1
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", f"/loans/L{number:08}")
        connection.getresponse().read()
        connection.close()
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
