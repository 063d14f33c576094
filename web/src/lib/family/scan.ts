// Reading a code from a picture that the phone's own camera took: works on every page, also without a secure connection.

/** Long side to which a picture is brought before it is searched. */
const SEARCH_PX = 1280;

/** The text of the code in a picture, or undefined when none can be read. */
export async function readCode(file: Blob): Promise<string | undefined> {
  try {
    const [{ default: decodeQR }, picture] = await Promise.all([import('qr/decode.js'), createImageBitmap(file)]);
    const scale = Math.min(1, SEARCH_PX / Math.max(picture.width, picture.height));
    const width = Math.round(picture.width * scale);
    const height = Math.round(picture.height * scale);
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return undefined;
    context.drawImage(picture, 0, 0, width, height);
    return decodeQR({ width, height, data: context.getImageData(0, 0, width, height).data }) || undefined;
  } catch {
    return undefined; // no code, or no picture
  }
}
