// TypeScript source for a schema document: its types, and the descriptions of the payload.

import { hasNull, parseSchema, resolve, type Schema, type Type, type Version } from "./schema.js";

/** The options of {@link generate}. */
export interface GenerateOptions {
  /** The module from which the source imports. Default: `bulla/payload`. */
  readonly from?: string;
}

/**
 * Writes TypeScript source for a schema document of Rust. The command `bulla-schema` prints it:
 *
 * ```sh
 * npx bulla-schema account.schema.json > account.ts
 * ```
 *
 * The source exports the types, and the payload description that `Sealer`, `Signer` and `Sessions`
 * take. For a type `Account`, its name is `accountPayload`. If the type in Rust has earlier schema
 * versions, `accountPayload` is a function, whose argument has the upgrades:
 *
 * ```ts
 * import { accountPayload } from "./account.js";
 *
 * const Account = accountPayload({
 *   fromV1: (old) => ({ ...old, role: "customer", last_visit: null }),
 * });
 * ```
 *
 * @throws TypeError if the document is malformed.
 */
export function generate(document: object, options: GenerateOptions = {}): string {
  return new Source(parseSchema(document), document, options.from ?? "bulla/payload").text();
}

/** Names that a type of the document must not take from the source. */
const TAKEN: ReadonlySet<string> = new Set(
  (
    "Duration Map Payload SystemTime Uint8Array any bigint boolean break case catch class const " +
    "continue debugger default delete do else enum export extends false finally for function if " +
    "implements import in instanceof interface json let never new null number object package " +
    "payload postcard private protected public return schema static string super switch symbol " +
    "this throw true try type typeof undefined unknown upgrades var void while with yield"
  ).split(" "),
);

/** One schema version and the name of its type. */
interface NamedVersion extends Version {
  readonly name: string;
}

class Source {
  private readonly names = new Map<string, string>();
  private readonly imports = new Set<string>();

  constructor(
    private readonly schema: Schema,
    private readonly document: object,
    private readonly from: string,
  ) {
    for (const name of schema.types.keys()) this.names.set(name, this.unused(name));
  }

  text(): string {
    const types = [...this.schema.types].map(([name, type]) =>
      this.declaration(this.names.get(name)!, type),
    );
    const versions = this.schema.versions.map((version) => this.named(version, types));
    const payload = this.payload(versions);
    const names = [...this.imports].sort().join(", ");
    return [
      "// Written by bulla-schema. Do not edit: print the schema in Rust and run bulla-schema again.",
      "",
      `import { ${names} } from ${quoted(this.from)};`,
      ...types.map((type) => `\n${type}`),
      `\nconst schema = ${literal(this.document)};`,
      payload,
      "",
    ].join("\n");
  }

  /** The name for a version: the name of its type, which is declared if it has none. */
  private named(version: Version, types: string[]): NamedVersion {
    const { type } = version;
    if (type?.kind === "ref") return { ...version, name: this.names.get(type.name)! };
    const newest = version === this.schema.versions[0];
    const name = this.unused(newest ? "Value" : `ValueV${version.version}`);
    this.names.set(`version ${version.version}`, name);
    types.push(
      type === undefined
        ? `/** Schema version ${version.version} is encoded as JSON, and its shape is not described. */\n` +
            `export type ${name} = unknown;`
        : this.declaration(name, type),
    );
    return { ...version, name };
  }

  private payload(versions: readonly NamedVersion[]): string {
    const [newest, ...earlier] = versions;
    if (newest === undefined) throw new TypeError("the schema document has no versions");
    this.imports.add("payload").add("type Payload");
    const name = `${newest.name.charAt(0).toLowerCase()}${newest.name.slice(1)}Payload`;
    if (earlier.length === 0) {
      return (
        `\n/** The payload, for Sealer, Signer and Sessions. */\n` +
        `export const ${name}: Payload<${newest.name}> = payload({\n${this.options(newest, "  ")}});`
      );
    }
    // From the oldest to the newest: each version upgrades the one before.
    const chain = [...versions].reverse();
    const upgrades = chain.slice(0, -1).map(({ version, name: old }, index) => {
      const next = chain[index + 1]!;
      return (
        `  /** Makes schema version ${next.version} of version ${version}. */\n` +
        `  readonly fromV${version}: (old: ${old}) => ${next.name};\n`
      );
    });
    const lines = chain.map((version, index) => {
      const before = chain[index - 1];
      const previous =
        before === undefined
          ? ""
          : `    previous: v${before.version},\n    upgrade: upgrades.fromV${before.version},\n`;
      return (
        `  const v${version.version} = payload({\n` +
        `${this.options(version, "    ")}${previous}  });\n`
      );
    });
    return (
      `\n/** How values of earlier schema versions become values of the next one. */\n` +
      `export interface ${this.unused("Upgrades")} {\n${upgrades.join("")}}\n` +
      `\n/** The payload, for Sealer, Signer and Sessions. */\n` +
      `export function ${name}(upgrades: ${this.unused("Upgrades")}): Payload<${newest.name}> {\n` +
      `${lines.join("")}  return v${newest.version};\n}`
    );
  }

  private options({ version, name, type }: NamedVersion, indent: string): string {
    const codec = type === undefined ? "json" : "postcard";
    this.imports.add(codec);
    const encoding = type === undefined ? "json()" : `postcard<${name}>(schema, { version: ${version} })`;
    return (
      `${indent}purpose: schema.purpose,\n` +
      `${indent}schemaVersion: ${version},\n` +
      `${indent}encoding: ${encoding},\n`
    );
  }

  private declaration(name: string, type: Type): string {
    if (type.kind === "struct" && type.fields.length > 0) {
      const fields = type.fields.map(
        (field) => `  readonly ${property(field.name)}: ${this.type(field.type)};\n`,
      );
      return `export interface ${name} {\n${fields.join("")}}`;
    }
    if (type.kind === "enum" && type.variants.length > 1) {
      const variants = type.variants.map((variant) => `\n  | ${this.variant(variant.name, variant.type)}`);
      return `export type ${name} =${variants.join("")};`;
    }
    return `export type ${name} = ${this.type(type)};`;
  }

  private variant(name: string, type: Type | undefined): string {
    if (type === undefined) return quoted(name);
    return `{ readonly ${property(name)}: ${this.type(type)} }`;
  }

  private type(type: Type): string {
    switch (type.kind) {
      case "ref":
        resolve(this.schema, type);
        return this.names.get(type.name)!;
      case "word":
        return this.word(type.word);
      case "nonzero":
        return this.word(type.word);
      case "option": {
        const value = this.type(type.value);
        return hasNull(this.schema, type.value) ? `{ readonly some: ${value} } | null` : `${value} | null`;
      }
      case "list":
        return isByte(type.element) ? "Uint8Array" : `readonly ${this.element(type.element)}[]`;
      case "array":
        if (isByte(type.element)) return "Uint8Array";
        return `readonly [${new Array<string>(type.length).fill(this.type(type.element)).join(", ")}]`;
      case "map":
        return `ReadonlyMap<${this.type(type.key)}, ${this.type(type.value)}>`;
      case "tuple":
        return `readonly [${type.elements.map((element) => this.type(element)).join(", ")}]`;
      case "struct": {
        const fields = type.fields.map(
          (field) => `readonly ${property(field.name)}: ${this.type(field.type)}`,
        );
        return fields.length === 0 ? "{ readonly [field: string]: never }" : `{ ${fields.join("; ")} }`;
      }
      case "enum":
        if (type.variants.length === 0) return "never";
        return type.variants.map((variant) => this.variant(variant.name, variant.type)).join(" | ");
    }
  }

  /** A type in front of `[]`. */
  private element(type: Type): string {
    const text = this.type(type);
    return /^[\p{ID_Continue}$]+$/u.test(text) ? text : `(${text})`;
  }

  private word(word: string): string {
    switch (word) {
      case "unit":
        return "null";
      case "bool":
        return "boolean";
      case "bytes":
        return "Uint8Array";
      case "duration":
        this.imports.add("type Duration");
        return "Duration";
      case "system-time":
        this.imports.add("type SystemTime");
        return "SystemTime";
      case "u64":
      case "u128":
      case "i64":
      case "i128":
        return "bigint";
      case "string":
      case "char":
      case "ip":
      case "ipv4":
      case "ipv6":
        return "string";
      default:
        return "number";
    }
  }

  /** A name that no type has. */
  private unused(name: string): string {
    const taken = new Set(this.names.values());
    let unused = name.replaceAll(/[^\p{ID_Continue}$]/gu, "_");
    if (!/^[\p{ID_Start}_$]/u.test(unused)) unused = `_${unused}`;
    while (TAKEN.has(unused) || taken.has(unused)) unused += "_";
    return unused;
  }
}

/** The document with each version and each type in its own line. */
function literal(document: object): string {
  const { format, purpose, versions, types } = document as Record<string, object>;
  const lines = Object.entries(types!).map(
    ([name, type]) => `\n    ${quoted(name)}: ${JSON.stringify(type)},`,
  );
  const numbered = (versions as object[]).map((version) => `\n    ${JSON.stringify(version)},`);
  return (
    `{\n  format: ${JSON.stringify(format)},\n  purpose: ${JSON.stringify(purpose)},\n` +
    `  versions: [${numbered.join("")}\n  ],\n  types: {${lines.join("")}\n  },\n}`
  );
}

function isByte(type: Type): boolean {
  return type.kind === "word" && type.word === "u8";
}

function property(name: string): string {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
