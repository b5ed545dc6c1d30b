// Resources that are generated in pieces, and stay so until they are on the socket. Main thread.
import type { EncodedResource } from "../../shared/model/resource.ts";

/** Gives 16 hex digits over a text. */
export type HashText = (text: string) => string;

/** A message whose bytes are those of its pieces, one after the other; others may have some of the pieces too. */
class PiecedResource implements EncodedResource {
  readonly name: string;
  readonly hash: string;
  readonly pieces: readonly Uint8Array[];

  constructor(name: string, hash: string, pieces: readonly Uint8Array[]) {
    this.name = name;
    this.hash = hash;
    this.pieces = pieces;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.pieces);
  }
}

/** The resource that the pieces are, in their order: protobuf joins what stands in several messages when it reads them. */
export function joinPieces(name: string, pieces: readonly EncodedResource[], hash: HashText): EncodedResource {
  if (pieces.length === 1) return pieces[0]!;
  const hashes = pieces.map((piece) => piece.hash).join(" ");
  return new PiecedResource(
    name,
    hash(hashes),
    pieces.map((piece) => piece.bytes),
  );
}
