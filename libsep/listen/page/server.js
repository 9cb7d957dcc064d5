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
  throw Object.assign(new Error(error), { isOther: answer.status === 409 }); // another file is there now
}

// What came of an answer before its connection broke off is not all of it.
async function received(part, signal) {
  try {
    return await part;
  } catch (error) {
    if (signal?.aborted || error instanceof SyntaxError) throw error;
    throw new Error("The connection broke off. Is libsep listen still running?");
  }
}

export async function getJson(address) { return (await ask(address)).json(); }

// Samples of all streams from `start` on, channel by channel, as the bytes of a Float32Array.
// With the `state` of a sheet, they are those of the file that it describes, or an error.
export async function getChunk(number, start, count, signal, state) {
  const of = state === undefined ? "" : `&state=${state}`;
  const answer = await ask(`tracks/${number}/samples?start=${start}&count=${count}${of}`, signal);
  return received(answer.arrayBuffer(), signal);
}

// Calls back with each line of an answer, read as JSON, as soon as it has come.
export async function readLines(address, signal, online) {
  const answer = await ask(address, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await received(reader.read(), signal);
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) online(JSON.parse(line));
  }
}
