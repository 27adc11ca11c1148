// The branches that the peephole may still change: a contiguous run of branch instructions that ends at the tail of
// the code, as columns; and, for instruction sets with several sizes of branches, all branch sites of the function for
// the shrink pass.

export class BranchList {
  length = 0;
  start = new Int32Array(64);
  end = new Int32Array(64);
  /** Target label. */
  target = new Int32Array(64);
  fixup = new Int32Array(64);
  /** Condition, or -1 for a jump. */
  cond = new Int32Array(64);
  /** Labels bound at the branch's start: a list through `Labels.next`. */
  labelFirst = new Int32Array(64);
  labelLast = new Int32Array(64);
  labelCount = new Int32Array(64);
  /** Whether the branch has a site. */
  private hasSite = new Uint8Array(64);

  siteCount = 0;
  siteStart = new Int32Array(64);
  siteFixup = new Int32Array(64);
  siteCond = new Int32Array(64);
  /** Index of the form in the ISA's list. */
  siteForm = new Int32Array(64);

  endsAt(offset: number): boolean {
    return this.end[this.length - 1] === offset;
  }

  push(
    start: number,
    end: number,
    target: number,
    fixup: number,
    cond: number,
    labelFirst: number,
    labelLast: number,
    labelCount: number,
  ): void {
    const b = this.length;
    if (b === this.start.length) this.grow();
    this.length = b + 1;
    this.start[b] = start;
    this.end[b] = end;
    this.target[b] = target;
    this.fixup[b] = fixup;
    this.cond[b] = cond;
    this.labelFirst[b] = labelFirst;
    this.labelLast[b] = labelLast;
    this.labelCount[b] = labelCount;
    this.hasSite[b] = 0;
  }

  /** Records the branch pushed last as a site. */
  pushSite(start: number, fixup: number, cond: number, form: number): void {
    const s = this.siteCount;
    if (s === this.siteStart.length) {
      this.siteStart = doubled(this.siteStart);
      this.siteFixup = doubled(this.siteFixup);
      this.siteCond = doubled(this.siteCond);
      this.siteForm = doubled(this.siteForm);
    }
    this.siteCount = s + 1;
    this.siteStart[s] = start;
    this.siteFixup[s] = fixup;
    this.siteCond[s] = cond;
    this.siteForm[s] = form;
    this.hasSite[this.length - 1] = 1;
  }

  /** Forgets the last branch, and its site. */
  pop(): void {
    this.length--;
    this.siteCount -= this.hasSite[this.length];
  }

  clear(): void {
    this.length = 0;
    this.siteCount = 0;
  }

  private grow(): void {
    this.start = doubled(this.start);
    this.end = doubled(this.end);
    this.target = doubled(this.target);
    this.fixup = doubled(this.fixup);
    this.cond = doubled(this.cond);
    this.labelFirst = doubled(this.labelFirst);
    this.labelLast = doubled(this.labelLast);
    this.labelCount = doubled(this.labelCount);
    const hasSite = new Uint8Array(this.start.length);
    hasSite.set(this.hasSite);
    this.hasSite = hasSite;
  }
}

function doubled(column: Int32Array): Int32Array<ArrayBuffer> {
  const result = new Int32Array(column.length * 2);
  result.set(column);
  return result;
}
