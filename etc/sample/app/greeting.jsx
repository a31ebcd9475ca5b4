'use client';

import { useState } from 'react';

export default function Greeting() {
  const [answer, setAnswer] = useState('not asked yet');

  async function ask() {
    setAnswer('asking ...');
    try {
      const response = await fetch('/api/hello');
      const { message } = await response.json();
      setAnswer(message);
    } catch (error) {
      setAnswer(`no answer: ${error.message}`);
    }
  }

  return (
    <section>
      <h2>On the server</h2>
      <button id="ask" onClick={ask}>
        Ask /api/hello
      </button>
      <output id="answer">{answer}</output>
    </section>
  );
}
