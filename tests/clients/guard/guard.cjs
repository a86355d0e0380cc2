// Loaded by every JavaScript client before anything else: it can reach the gateway's edge and nothing else.
// CLIENTS_ROUTE is HOST:PORT=ADDRESS:PORT: what the client believes to call, and where it is. Every other destination
// is refused and noted, one HOST:PORT a line, in the file CLIENTS_ATTEMPTS.
const dns = require("node:dns");
const fs = require("node:fs");
const net = require("node:net");

const [called, real] = process.env.CLIENTS_ROUTE.split("=").map((place) => {
  const at = place.lastIndexOf(":");
  return { host: place.slice(0, at), port: Number(place.slice(at + 1)) };
});

function refusal(host, port) {
  fs.appendFileSync(process.env.CLIENTS_ATTEMPTS, `${host}:${port}\n`);
  return Object.assign(new Error(`a client of the tests may not call ${host}:${port}`), { code: "ECONNREFUSED" });
}

function lookup(host, options, callback) {
  return options.all ? callback(null, [{ address: real.host, family: 4 }]) : callback(null, real.host, 4);
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const normalized = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
  const options = normalized[0];
  const [host, port] = [options.host ?? "localhost", Number(options.port)];
  if (host === called.host && port === called.port) {
    // The name stays: the certificate is checked against it.
    normalized[0] = { ...options, port: real.port, lookup };
  } else if (options.path === undefined && !(host === real.host && port === real.port)) {
    process.nextTick(() => this.destroy(refusal(host, port)));
    return this;
  }
  return connect.call(this, normalized);
};

dns.lookup = (host, options, callback) => process.nextTick(callback ?? options, refusal(host, 0));
dns.promises.lookup = async (host) => {
  throw refusal(host, 0);
};
