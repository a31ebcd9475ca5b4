export const dynamic = 'force-dynamic';

export async function GET() {
  const time = new Date().toISOString().slice(11, 19);
  return Response.json({ message: `Hello, it is ${time} UTC` });
}
