// Shapes of the answers that the page reads, cut down to the fields it uses.

export interface Account {
  id: string;
  email: string;
  name: string;
  isAdmin: boolean;
}

/** What a photo's file says about how it was taken; all of it may be missing. */
export interface Exif {
  description?: string | null;
  dateTimeOriginal?: string | null;
  timeZone?: string | null;
  latitude?: number | null;
  longitude?: number | null;
  city?: string | null;
  state?: string | null;
  country?: string | null;
  make?: string | null;
  model?: string | null;
  lensModel?: string | null;
  fNumber?: number | null;
  focalLength?: number | null;
  iso?: number | null;
  /** As a fraction of a second: `1/250`. */
  exposureTime?: string | null;
  fileSizeInByte?: number | null;
  exifImageWidth?: number | null;
  exifImageHeight?: number | null;
}

export interface Asset {
  id: string;
  originalFileName: string;
  originalMimeType?: string | null;
  /** Wall clock where the photo was taken, written as if it were UTC. */
  localDateTime: string;
  fileCreatedAt: string;
  createdAt: string;
  isFavorite: boolean;
  width?: number | null;
  height?: number | null;
  exifInfo?: Exif | null;
}

export interface AssetChange {
  isFavorite?: boolean;
  description?: string;
}

export interface Status {
  household: string;
  name: string;
  version: string;
  assets: number;
  bytes: number;
  jobs: Jobs;
}

export interface Jobs {
  waiting: number;
  running: number;
  failed: number;
}

/** A file that was set aside. */
export interface Problem {
  id: string | number;
  kind: string;
  asset?: string | null;
  name: string;
  reason: string;
  advice: string;
  at_ms: number;
}

export interface MediaTypes {
  image: string[];
  video: string[];
  sidecar: string[];
}
