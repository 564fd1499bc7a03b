// Written by bulla-schema. Do not edit: print the schema in Rust and run bulla-schema again.

import { payload, postcard, type Duration, type Payload, type SystemTime } from "../../src/payload/index.js";

export interface Attributes {
  readonly firstField: number;
  readonly type: number;
  readonly "other-name": number;
  readonly written: number;
  readonly defaulted: number;
  readonly converted: string;
}

export type Before = { readonly Everything: Everything };

export type Clear = number;

export type Color =
  | "dark-red"
  | "grün \"\\\n"
  | "light-blue";

export interface Everything {
  readonly integers: Integers;
  readonly wide: Wide;
  readonly texts: Texts;
  readonly lists: Lists;
  readonly maps: Maps;
  readonly shape: Shape;
  readonly attributes: Attributes;
  readonly structs: Structs;
  readonly options: Options;
  readonly known: Known;
  readonly tree: Tree;
  readonly names: Names;
  readonly color: Color;
}

export interface Integers {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: bigint;
  readonly e: bigint;
  readonly f: number;
  readonly g: number;
  readonly h: number;
  readonly i: bigint;
  readonly j: bigint;
}

export interface Known {
  readonly duration: Duration;
  readonly time: SystemTime;
  readonly v4: string;
  readonly v6: string;
  readonly ip: string;
  readonly nonzero: readonly [number, number, bigint];
}

export interface Lists {
  readonly bytes: Uint8Array;
  readonly key: Uint8Array;
  readonly raw: Uint8Array;
  readonly numbers: readonly number[];
  readonly boxed: readonly number[];
  readonly sorted: readonly string[];
  readonly pairs: readonly [readonly [boolean, number], readonly [boolean, number]];
  readonly nothing: readonly [];
}

export interface Maps {
  readonly by_name: ReadonlyMap<string, number>;
  readonly by_number: ReadonlyMap<bigint, string | null>;
  readonly by_color: ReadonlyMap<Color, boolean>;
  readonly hashed: ReadonlyMap<number, number>;
}

export interface Names {
  readonly number: UserId;
  readonly again: UserId;
  readonly text: UserId_2;
  readonly small: Page;
  readonly large: Page_2;
}

export type Nothing = null;

export interface Options {
  readonly number: number | null;
  readonly twice: { readonly some: number | null } | null;
  readonly unit: { readonly some: null } | null;
  readonly named_unit: { readonly some: Nothing } | null;
  readonly list: readonly (string | null)[];
}

export interface Page {
  readonly rows: Uint8Array;
}

export interface Page_2 {
  readonly rows: readonly string[];
}

export type Point = readonly [number, number];

export type Shape =
  | "empty"
  | { readonly new_type: number }
  | { readonly new_unit: null }
  | { readonly two_values: readonly [number, string] }
  | { readonly no_values: readonly [] }
  | "only_skipped"
  | { readonly with_fields: { readonly firstField: number; readonly "2nd": Color | null } }
  | { readonly loud: { readonly "MORE-NOISE": boolean } }
  | { readonly converted: string };

export interface Structs {
  readonly nothing: Nothing;
  readonly user: UserId;
  readonly point: Point;
  readonly clear: Clear;
  readonly sum: readonly [number, number];
  readonly unit: null;
  readonly tuple: readonly [number, readonly [string, boolean]];
  readonly result: { readonly Ok: number } | { readonly Err: string };
  readonly phantom: null;
}

export interface Texts {
  readonly text: string;
  readonly boxed: string;
  readonly borrowed: string;
  readonly character: string;
  readonly truth: boolean;
}

export interface Tree {
  readonly label: string;
  readonly children: readonly Tree[];
  readonly next: Tree | null;
}

export type UserId = bigint;

export type UserId_2 = string;

export type Wide = readonly [bigint, bigint];

const schema = {
  format: "bulla-schema/1",
  purpose: "schema.example/everything",
  versions: [
    {"encoding":"postcard","type":{"ref":"Everything"},"version":2},
    {"encoding":"postcard","type":{"ref":"Before"},"version":1},
  ],
  types: {
    "Attributes": {"struct":[{"name":"firstField","type":"u8"},{"name":"type","type":"u8"},{"name":"other-name","type":"u8"},{"name":"written","type":"u8"},{"name":"defaulted","type":"u8"},{"name":"converted","type":"string"}]},
    "Before": {"enum":[{"name":"Everything","type":{"ref":"Everything"}}]},
    "Clear": "u32",
    "Color": {"enum":[{"name":"dark-red"},{"name":"grün \"\\\n"},{"name":"light-blue"}]},
    "Everything": {"struct":[{"name":"integers","type":{"ref":"Integers"}},{"name":"wide","type":{"ref":"Wide"}},{"name":"texts","type":{"ref":"Texts"}},{"name":"lists","type":{"ref":"Lists"}},{"name":"maps","type":{"ref":"Maps"}},{"name":"shape","type":{"ref":"Shape"}},{"name":"attributes","type":{"ref":"Attributes"}},{"name":"structs","type":{"ref":"Structs"}},{"name":"options","type":{"ref":"Options"}},{"name":"known","type":{"ref":"Known"}},{"name":"tree","type":{"ref":"Tree"}},{"name":"names","type":{"ref":"Names"}},{"name":"color","type":{"ref":"Color"}}]},
    "Integers": {"struct":[{"name":"a","type":"u8"},{"name":"b","type":"u16"},{"name":"c","type":"u32"},{"name":"d","type":"u64"},{"name":"e","type":"u64"},{"name":"f","type":"i8"},{"name":"g","type":"i16"},{"name":"h","type":"i32"},{"name":"i","type":"i64"},{"name":"j","type":"i64"}]},
    "Known": {"struct":[{"name":"duration","type":"duration"},{"name":"time","type":"system-time"},{"name":"v4","type":"ipv4"},{"name":"v6","type":"ipv6"},{"name":"ip","type":"ip"},{"name":"nonzero","type":{"tuple":[{"nonzero":"u8"},{"nonzero":"i16"},{"nonzero":"u64"}]}}]},
    "Lists": {"struct":[{"name":"bytes","type":{"list":"u8"}},{"name":"key","type":{"array":"u8","length":4}},{"name":"raw","type":"bytes"},{"name":"numbers","type":{"list":"u32"}},{"name":"boxed","type":{"list":"i16"}},{"name":"sorted","type":{"list":"string"}},{"name":"pairs","type":{"array":{"tuple":["bool","i8"]},"length":2}},{"name":"nothing","type":{"array":"u64","length":0}}]},
    "Maps": {"struct":[{"name":"by_name","type":{"key":"string","map":"u32"}},{"name":"by_number","type":{"key":"u64","map":{"option":"string"}}},{"name":"by_color","type":{"key":{"ref":"Color"},"map":"bool"}},{"name":"hashed","type":{"key":"i32","map":"u8"}}]},
    "Names": {"struct":[{"name":"number","type":{"ref":"UserId"}},{"name":"again","type":{"ref":"UserId"}},{"name":"text","type":{"ref":"UserId_2"}},{"name":"small","type":{"ref":"Page"}},{"name":"large","type":{"ref":"Page_2"}}]},
    "Nothing": "unit",
    "Options": {"struct":[{"name":"number","type":{"option":"i32"}},{"name":"twice","type":{"option":{"option":"u8"}}},{"name":"unit","type":{"option":"unit"}},{"name":"named_unit","type":{"option":{"ref":"Nothing"}}},{"name":"list","type":{"list":{"option":"string"}}}]},
    "Page": {"struct":[{"name":"rows","type":{"list":"u8"}}]},
    "Page_2": {"struct":[{"name":"rows","type":{"list":"string"}}]},
    "Point": {"tuple":["f32","f64"]},
    "Shape": {"enum":[{"name":"empty"},{"name":"new_type","type":"u32"},{"name":"new_unit","type":"unit"},{"name":"two_values","type":{"tuple":["u8","string"]}},{"name":"no_values","type":{"tuple":[]}},{"name":"only_skipped"},{"name":"with_fields","type":{"struct":[{"name":"firstField","type":"u16"},{"name":"2nd","type":{"option":{"ref":"Color"}}}]}},{"name":"loud","type":{"struct":[{"name":"MORE-NOISE","type":"bool"}]}},{"name":"converted","type":"string"}]},
    "Structs": {"struct":[{"name":"nothing","type":{"ref":"Nothing"}},{"name":"user","type":{"ref":"UserId"}},{"name":"point","type":{"ref":"Point"}},{"name":"clear","type":{"ref":"Clear"}},{"name":"sum","type":{"tuple":["u8","u8"]}},{"name":"unit","type":"unit"},{"name":"tuple","type":{"tuple":["u8",{"tuple":["string","bool"]}]}},{"name":"result","type":{"enum":[{"name":"Ok","type":"u8"},{"name":"Err","type":"string"}]}},{"name":"phantom","type":"unit"}]},
    "Texts": {"struct":[{"name":"text","type":"string"},{"name":"boxed","type":"string"},{"name":"borrowed","type":"string"},{"name":"character","type":"char"},{"name":"truth","type":"bool"}]},
    "Tree": {"struct":[{"name":"label","type":"string"},{"name":"children","type":{"list":{"ref":"Tree"}}},{"name":"next","type":{"option":{"ref":"Tree"}}}]},
    "UserId": "u64",
    "UserId_2": "string",
    "Wide": {"tuple":["u128","i128"]},
  },
};

/** How values of earlier schema versions become values of the next one. */
export interface Upgrades {
  /** Makes schema version 2 of version 1. */
  readonly fromV1: (old: Before) => Everything;
}

/** The payload, for Sealer, Signer and Sessions. */
export function everythingPayload(upgrades: Upgrades): Payload<Everything> {
  const v1 = payload({
    purpose: schema.purpose,
    schemaVersion: 1,
    encoding: postcard<Before>(schema, { version: 1 }),
  });
  const v2 = payload({
    purpose: schema.purpose,
    schemaVersion: 2,
    encoding: postcard<Everything>(schema, { version: 2 }),
    previous: v1,
    upgrade: upgrades.fromV1,
  });
  return v2;
}
