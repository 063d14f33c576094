// The peer of the thumbnails bench: for each file named, a preview, a thumbnail and a thumbhash with sharp, and how long
// that took. One thread; the file is decoded once, to pixels, and both pictures are made from those.
import sharp from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';

sharp.concurrency(1);
sharp.cache(false);

const preview = { long: 1920, quality: 80 };
const thumbnail = { short: 250, quality: 80 };

async function derive(file) {
	const { data, info } = await sharp(file)
		.rotate()
		.resize(preview.long, preview.long, { fit: 'inside', withoutEnlargement: true })
		.toColourspace('srgb')
		.raw()
		.toBuffer({ resolveWithObject: true });
	const raw = { raw: { width: info.width, height: info.height, channels: info.channels } };
	const big = await sharp(data, raw).jpeg({ quality: preview.quality }).toBuffer();
	const small = await sharp(data, raw)
		.resize(thumbnail.short, thumbnail.short, { fit: 'outside', withoutEnlargement: true })
		.webp({ quality: thumbnail.quality })
		.toBuffer();
	const tiny = await sharp(data, raw)
		.resize(100, 100, { fit: 'inside' })
		.ensureAlpha()
		.raw()
		.toBuffer({ resolveWithObject: true });
	const hash = rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data);
	return big.length + small.length + hash.length;
}

const files = process.argv.slice(2);
await derive(files[0]); // warms up: code is compiled, libraries are loaded
for (const file of files) {
	const cpu = process.cpuUsage();
	const start = process.hrtime.bigint();
	const bytes = await derive(file);
	const wall_ms = Number(process.hrtime.bigint() - start) / 1e6;
	const used = process.cpuUsage(cpu);
	console.log(JSON.stringify({ file, cpu_ms: (used.user + used.system) / 1e3, wall_ms, bytes }));
}
