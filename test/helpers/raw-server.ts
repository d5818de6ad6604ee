/** Starts a server that answers every connection with the same bytes, legal HTTP or not. */
export function startRawServer(
  bytes: string,
  end: "close" | "reset" | "stay" = "close",
): Disposable & { readonly host: string; readonly connections: () => number } {
  let connections = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        connections += 1;
        socket.write(bytes);
        if (end === "close") {
          socket.end();
        } else if (end === "reset") {
          socket.terminate();
        }
      },
    },
  });
  return {
    host: `127.0.0.1:${server.port}`,
    connections: () => connections,
    [Symbol.dispose]: () => server.stop(true),
  };
}
