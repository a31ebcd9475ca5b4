import Counter from './counter';
import Greeting from './greeting';

export default function Home() {
  return (
    <main>
      <img src="/plane.svg" alt="A paper plane" width="160" height="120" />
      <h1>Hello from a draft</h1>
      <p>
        This folder was dropped, mended, built, started and given an address, all by itself. Change a file in it and
        reload in a minute.
      </p>
      <div className="row">
        <Counter />
        <Greeting />
      </div>
      <footer>
        A Next.js app that had no <code>start</code> script, its port spelled out, no standalone output, a service
        address in its source and no <code>.env.local</code>. <code>drafterd fixes hello</code> tells what became of
        that.
      </footer>
    </main>
  );
}
