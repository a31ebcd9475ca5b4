const baseUrl = 'https://api.groq.com/openai/v1';
const model = 'openai/gpt-oss-120b';

export async function POST(request) {
  const { question } = await request.json();
  const answer = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${process.env.GROQ_API_KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: String(question) }] }),
  });
  return Response.json(await answer.json(), { status: answer.status });
}
