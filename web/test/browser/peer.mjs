/** A WebSocket server for tests that does what its path says. */
import { WebSocketServer } from 'ws';

/**
 * Starts it on the loopback interface.
 *
 * /echo sends back what comes; /text sends a text; /large sends 65536 bytes;
 * /flood?n= sends n messages of 60000 bytes; /close?code=&reason= closes;
 * /deaf never reads; /count answers "how many" with the bytes that came before;
 * /gateway takes the sub-protocol voile.gateway and echoes, /refused takes
 * voile.gateway.refused and closes with 4404; /never does not answer the upgrade.
 * @returns {Promise<{url: string, close(): Promise<void>}>}
 */
export async function listen() {
  const sub = (offered, request) => {
    const path = request.url.split('?')[0];
    if (path === '/refused' && offered.has('voile.gateway.refused')) return 'voile.gateway.refused';
    if (path === '/gateway' && offered.has('voile.gateway')) return 'voile.gateway';
    return false;
  };
  const server = new WebSocketServer({
    host: '127.0.0.1', port: 0, handleProtocols: sub, perMessageDeflate: false,
    verifyClient: ({ req }, done) => { if (!req.url.startsWith('/never')) done(true); },
  });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket, request) => {
    const url = new URL(request.url, 'ws://x');
    let received = 0;
    socket.on('error', () => {});
    switch (url.pathname) {
      case '/text': socket.send('text'); break;
      case '/large': socket.send(Buffer.alloc(65536)); break;
      case '/flood':
        for (let i = 0; i < Number(url.searchParams.get('n')); i++) socket.send(Buffer.alloc(60000, i));
        break;
      case '/close': socket.close(Number(url.searchParams.get('code')), url.searchParams.get('reason') ?? ''); break;
      case '/refused': socket.close(4404, 'no such node'); break;
      case '/deaf': socket._socket.pause(); break;
      case '/count':
        socket.on('message', (data) => {
          if (data.toString() === 'how many') socket.send(Buffer.from(String(received)));
          else received += data.length;
        });
        break;
      default: socket.on('message', (data, binary) => socket.send(data, { binary }));
    }
  });
  return {
    url: `ws://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      for (const client of server.clients) client.terminate();
      server.close(() => resolve());
    }),
  };
}
