// The peer of the thumbnails bench: a preview, a thumbnail and a thumbhash of one photo with sharp, and how long each took.
// One thread; the file is decoded once, at the smallest scale that will do, and both pictures are made from those pixels.
//
//   node sharp.mjs time REPEATS FILE            {cpu_ms, wall_ms}, means over the repeats, after one that warms up
//   node sharp.mjs write FOLDER FILE…           writes NAME.preview.jpg of each
//   node sharp.mjs compare OURS THEIRS FILE…    how like the original the previews in both folders are (SSIM), a line each
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';

sharp.concurrency(1);
sharp.cache(false);

const LONG = 1920; // of the preview
const SHORT = 250; // of the thumbnail
const QUALITY = 80;

async function derive(file) {
	const { data, info } = await sharp(readFileSync(file))
		.rotate()
		.resize(LONG, LONG, { fit: 'inside', withoutEnlargement: true })
		.toColourspace('srgb')
		.raw()
		.toBuffer({ resolveWithObject: true });
	const raw = { raw: { width: info.width, height: info.height, channels: info.channels } };
	const preview = await sharp(data, raw).jpeg({ quality: QUALITY }).toBuffer();
	await sharp(data, raw).resize(SHORT, SHORT, { fit: 'outside' }).webp({ quality: QUALITY }).toBuffer();
	const tiny = await sharp(data, raw)
		.resize(100, 100, { fit: 'inside' })
		.ensureAlpha()
		.raw()
		.toBuffer({ resolveWithObject: true });
	rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data);
	return preview;
}

async function time(repeats, file) {
	await derive(file);
	const cpu = process.cpuUsage();
	const start = process.hrtime.bigint();
	for (let round = 0; round < repeats; round++) await derive(file);
	const wall_ms = Number(process.hrtime.bigint() - start) / 1e6 / repeats;
	const used = process.cpuUsage(cpu);
	return { cpu_ms: (used.user + used.system) / 1e3 / repeats, wall_ms };
}

async function grey(input, width, height) {
	// The whole picture is decoded and then shrunk with the best kernel: what a preview should have looked like.
	const image = width ? sharp(input).rotate().resize(width, height, { fit: 'fill', fastShrinkOnLoad: false }) : sharp(input);
	const { data, info } = await image.toColourspace('srgb').greyscale().raw().toBuffer({ resolveWithObject: true });
	return { data, width: info.width, height: info.height, channels: info.channels };
}

/** Mean structural similarity over windows of 8 × 8, every 4 pixels: 1 is the same picture. */
function ssim(a, b) {
	const c1 = (0.01 * 255) ** 2;
	const c2 = (0.03 * 255) ** 2;
	let sum = 0;
	let windows = 0;
	for (let top = 0; top + 8 <= a.height; top += 4) {
		for (let left = 0; left + 8 <= a.width; left += 4) {
			let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
			for (let y = top; y < top + 8; y++) {
				for (let x = left; x < left + 8; x++) {
					const p = a.data[(y * a.width + x) * a.channels];
					const q = b.data[(y * b.width + x) * b.channels];
					sa += p;
					sb += q;
					saa += p * p;
					sbb += q * q;
					sab += p * q;
				}
			}
			const [ma, mb] = [sa / 64, sb / 64];
			const [va, vb, cov] = [saa / 64 - ma * ma, sbb / 64 - mb * mb, sab / 64 - ma * mb];
			sum += ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
			windows++;
		}
	}
	return sum / windows;
}

async function compare(folder, file) {
	const bytes = readFileSync(join(folder, `${basename(file)}.preview.jpg`));
	const made = await grey(bytes);
	const wanted = await grey(readFileSync(file), made.width, made.height);
	return { ssim: ssim(wanted, made), bytes: bytes.length };
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === 'time') {
	console.log(JSON.stringify(await time(Number(rest[0]), rest[1])));
} else if (verb === 'write') {
	for (const file of rest.slice(1)) writeFileSync(join(rest[0], `${basename(file)}.preview.jpg`), await derive(file));
} else {
	for (const file of rest.slice(2)) {
		const [ours, theirs] = [await compare(rest[0], file), await compare(rest[1], file)];
		console.log(JSON.stringify({ file, ours, theirs }));
	}
}
