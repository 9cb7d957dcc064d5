// What the server is asked; addresses are relative to the page, whose own address is the secret.

async function ask(address, signal) {
  let answer;
  try {
    answer = await fetch(address, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("The server has ended: start libsep listen again.");
  }
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({ error: `HTTP ${answer.status}` }));
  throw new Error(error);
}

export async function getJson(address) { return (await ask(address)).json(); }

// Samples of all streams from `start` on, channel by channel, as the bytes of a Float32Array.
export async function getChunk(number, start, count, signal) {
  const answer = await ask(`tracks/${number}/samples?start=${start}&count=${count}`, signal);
  return answer.arrayBuffer();
}

// Calls back with each line of an answer, read as JSON, as soon as it has come.
export async function readLines(address, signal, online) {
  const answer = await ask(address, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) online(JSON.parse(line));
  }
}
