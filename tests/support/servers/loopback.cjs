// Preloaded (`node -r`) into HTTP servers that bind every address: they listen on 127.0.0.1 instead, and say where on
// standard error as `LISTENING port`, so that port 0 can be used.
const net = require("node:net");

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== "number" && typeof port !== "string") return listen.call(this, port, ...rest);
  this.once("listening", () => process.stderr.write(`LISTENING ${this.address().port}\n`));
  return listen.call(this, Number(port), "127.0.0.1", ...rest.filter((item) => typeof item === "function"));
};
