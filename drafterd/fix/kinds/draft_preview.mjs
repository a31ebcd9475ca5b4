// Serves what was built, on the port and the address that the environment names.
import { preview } from 'vite';

const server = await preview({
  preview: {
    port: Number(process.env.PORT),
    host: process.env.HOSTNAME || '127.0.0.1',
    strictPort: true,
    open: false,
    // The proxy in front knows which names are ours.
    allowedHosts: true,
  },
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.httpServer.close(() => process.exit(0));
    server.httpServer.closeIdleConnections?.();
  });
}
