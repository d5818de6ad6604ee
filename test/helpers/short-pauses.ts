/** Preloaded into a script: the pauses between its questions, shortened. */

const { sleep } = Bun;
Bun.sleep = (time) => sleep(typeof time === "number" ? time / 20 : time);
