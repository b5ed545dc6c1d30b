// As many connections as there are proxies, each of which answers a message with one of a given size: what acknowledgements are.
// Forked by `run.ts`.
//   client.js HOST:PORT STREAMS ANSWER_BYTES
import { connect, openStream } from "../client/grpc-stream.ts";
import { PATH } from "./path.ts";

const [target = "", streams = "0", answerBytes = "0"] = process.argv.slice(2);
const answer = [Buffer.alloc(Number(answerBytes), 1)];
process.on("disconnect", () => process.exit(0));
for (let i = 0; i < Number(streams); i++) {
  const session = connect(target);
  const stream = openStream(session, PATH, {
    onMessage: () => stream.send(answer),
    onEnd: (reason) => {
      throw new Error(`a stream ended: ${reason}`);
    },
  });
  stream.send([Buffer.from("hello")]);
}
