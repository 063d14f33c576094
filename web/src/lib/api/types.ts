// Names for the shapes of the node's answers. They are generated from its handlers (schema.d.ts, `npm run api`).

import type { components } from './schema';

type Schemas = components['schemas'];

export type Account = Schemas['User'];
export type Asset = Schemas['AssetJson'];
/** What a photo's file and its people say about how it was taken. */
export type Exif = Schemas['ExifJson'];
/** What to change; everything left out stays. (Fields with a default are generated as required.) */
export type AssetChange = Partial<Schemas['Changes']>;
export type Status = Schemas['Status'];
export type Jobs = Schemas['Jobs'];
/** A file that was set aside. */
export type Problem = Schemas['ProblemJson'];
export type MediaTypes = Schemas['MediaTypes'];
