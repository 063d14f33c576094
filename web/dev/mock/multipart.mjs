/** Fields of a multipart form; files become {filename, type, content}. Enough for what a browser sends. */
export function parseMultipart(bytes, contentType) {
  const mark = Buffer.from(`--${/boundary=("?)([^";]+)\1/.exec(contentType)[2]}`);
  const fields = {};
  for (let at = bytes.indexOf(mark); at >= 0; ) {
    const next = bytes.indexOf(mark, at + mark.length);
    if (next < 0) break;
    const part = bytes.subarray(at + mark.length + 2, next - 2);
    const split = part.indexOf('\r\n\r\n');
    const head = part.subarray(0, split).toString();
    const content = part.subarray(split + 4);
    const name = /name="([^"]*)"/.exec(head)?.[1];
    const filename = /filename="([^"]*)"/.exec(head)?.[1];
    fields[name] = filename === undefined ? content.toString() : { filename, type: /content-type: *([^\r\n]+)/i.exec(head)?.[1] ?? '', content: Buffer.from(content) };
    at = next;
  }
  return fields;
}
