"use strict";
// Tables as a PDF, made here: no server is needed. Fonts are embedded with only the letters that occur.

class Font {
  constructor(buffer) {
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.tables = {};
    for (let i = 0; i < this.view.getUint16(4); i++) {
      const at = 12 + 16 * i;
      const tag = String.fromCharCode(...this.bytes.subarray(at, at + 4));
      this.tables[tag] = {at: this.view.getUint32(at + 8), size: this.view.getUint32(at + 12)};
    }
    const head = this.tables.head.at, hhea = this.tables.hhea.at;
    this.units = this.view.getUint16(head + 18);
    this.longLoca = this.view.getInt16(head + 50) === 1;
    this.box = [36, 38, 40, 42].map((offset) => this.scaled(this.view.getInt16(head + offset)));
    this.ascent = this.scaled(this.view.getInt16(hhea + 4));
    this.descent = this.scaled(this.view.getInt16(hhea + 6));
    this.metrics = this.view.getUint16(hhea + 34);
    this.glyphs = this.view.getUint16(this.tables.maxp.at + 4);
    this.used = new Map([[0, 0xfffd]]);
    this.readLetters();
  }

  scaled(value) { return Math.round(value * 1000 / this.units); }

  readLetters() {
    const {view} = this, start = this.tables.cmap.at;
    this.letters = new Map();
    for (let i = 0; i < view.getUint16(start + 2); i++) {
      const at = start + view.getUint32(start + 8 + 8 * i);
      if (view.getUint16(at) === 12) {
        for (let group = 0; group < view.getUint32(at + 12); group++) {
          const from = at + 16 + 12 * group;
          const first = view.getUint32(from), last = view.getUint32(from + 4), glyph = view.getUint32(from + 8);
          for (let code = first; code <= last; code++) this.letters.set(code, glyph + code - first);
        }
      } else if (view.getUint16(at) === 4) {
        const twice = view.getUint16(at + 6);
        for (let part = 0; part < twice; part += 2) {
          const last = view.getUint16(at + 14 + part), first = view.getUint16(at + 16 + twice + part);
          const delta = view.getUint16(at + 16 + 2 * twice + part), place = at + 16 + 3 * twice + part;
          const range = view.getUint16(place);
          for (let code = first; code <= last && code !== 0xffff; code++) {
            let glyph = code;
            if (range) glyph = view.getUint16(place + range + 2 * (code - first));
            if (!range || glyph) glyph = (glyph + delta) & 0xffff;
            if (!this.letters.has(code)) this.letters.set(code, glyph);
          }
        }
      }
    }
  }

  glyph(letter) { return this.letters.get(letter.codePointAt(0)) || 0; }

  advance(glyph) {
    return this.view.getUint16(this.tables.hmtx.at + 4 * Math.min(glyph, this.metrics - 1)) * 1000 / this.units;
  }

  width(words, size) {
    let sum = 0;
    for (const letter of words) sum += this.advance(this.glyph(letter));
    return sum * size / 1000;
  }

  hex(words) {
    let out = "";
    for (const letter of words) {
      const glyph = this.glyph(letter);
      if (glyph) this.used.set(glyph, letter.codePointAt(0));
      out += glyph.toString(16).padStart(4, "0");
    }
    return out;
  }

  outline(glyph) {
    const {view, tables: {loca, glyf}} = this;
    const place = (n) => this.longLoca ? view.getUint32(loca.at + 4 * n) : 2 * view.getUint16(loca.at + 2 * n);
    return this.bytes.subarray(glyf.at + place(glyph), glyf.at + place(glyph + 1));
  }

  // The font with the outlines of the letters used; every other glyph is empty.
  subset() {
    const wanted = new Set(this.used.keys());
    for (const glyph of wanted) {
      const outline = this.outline(glyph);
      if (outline.length < 10) continue;
      const view = new DataView(outline.buffer, outline.byteOffset, outline.length);
      if (view.getInt16(0) >= 0) continue;
      for (let at = 10, flags = 0x20; flags & 0x20;) {
        flags = view.getUint16(at);
        wanted.add(view.getUint16(at + 2));
        at += 4 + (flags & 1 ? 4 : 2) + (flags & 8 ? 2 : flags & 0x40 ? 4 : flags & 0x80 ? 8 : 0);
      }
    }
    const loca = new DataView(new ArrayBuffer(4 * (this.glyphs + 1))), outlines = [];
    let size = 0;
    for (let glyph = 0; glyph < this.glyphs; glyph++) {
      loca.setUint32(4 * glyph, size);
      if (!wanted.has(glyph)) continue;
      const outline = this.outline(glyph);
      outlines.push(outline);
      size += outline.length;
      if (size % 4) { outlines.push(new Uint8Array(4 - size % 4)); size += 4 - size % 4; }
    }
    loca.setUint32(4 * this.glyphs, size);
    const own = {glyf: Pdf.join(outlines), loca: new Uint8Array(loca.buffer)};
    const tags = ["cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"].filter((tag) => own[tag] || this.tables[tag]);
    const parts = tags.map((tag) => own[tag] || this.bytes.slice(this.tables[tag].at, this.tables[tag].at + this.tables[tag].size));
    new DataView(parts[tags.indexOf("head")].buffer).setInt16(50, 1);
    const top = new DataView(new ArrayBuffer(12 + 16 * tags.length));
    top.setUint32(0, 0x00010000);
    top.setUint16(4, tags.length);
    const power = Math.floor(Math.log2(tags.length));
    top.setUint16(6, 16 * 2 ** power);
    top.setUint16(8, power);
    top.setUint16(10, 16 * tags.length - 16 * 2 ** power);
    let at = top.byteLength;
    const all = [new Uint8Array(top.buffer)];
    tags.forEach((tag, i) => {
      const padded = new Uint8Array(Math.ceil(parts[i].length / 4) * 4);
      padded.set(parts[i]);
      const words = new DataView(padded.buffer);
      let sum = 0;
      for (let j = 0; j < padded.length; j += 4) sum = (sum + words.getUint32(j)) >>> 0;
      for (let j = 0; j < 4; j++) top.setUint8(12 + 16 * i + j, tag.charCodeAt(j));
      top.setUint32(16 + 16 * i, sum);
      top.setUint32(20 + 16 * i, at);
      top.setUint32(24 + 16 * i, parts[i].length);
      all.push(padded);
      at += padded.length;
    });
    return Pdf.join(all);
  }
}

const Pdf = (() => {
  const PAPERS = {letter: [612, 792], a4: [595.28, 841.89]};
  const MARGIN = 36, PAD = 3;
  const ascii = new TextEncoder();

  function join(parts) {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { out.set(part, at); at += part.length; }
    return out;
  }

  async function deflated(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  const n = (value) => String(Math.round(value * 100) / 100);

  // Words in lines that fit; a word that is too long is broken.
  function wrapped(font, words, size, width) {
    const lines = [];
    let line = "";
    for (let word of words.split(/[ \n\t]+/).filter(Boolean)) {
      const longer = line ? `${line} ${word}` : word;
      if (font.width(longer, size) <= width) { line = longer; continue; }
      if (line) lines.push(line);
      while (font.width(word, size) > width && [...word].length > 1) {
        const letters = [...word];
        let fit = letters.length - 1;
        while (fit > 1 && font.width(letters.slice(0, fit).join(""), size) > width) fit--;
        lines.push(letters.slice(0, fit).join(""));
        word = letters.slice(fit).join("");
      }
      line = word;
    }
    if (line) lines.push(line);
    return lines;
  }

  function widths(fonts, columns, rows, size, room) {
    const natural = columns.map((column, i) => {
      let most = Math.max(fonts.bold.width(column.label, size), column.box ? 34 : 8);
      for (const row of rows) most = Math.max(most, fonts[column.bold ? "bold" : "regular"].width(row[i] || "", size));
      return most + 2 * PAD;
    });
    const least = columns.map((column, i) => {
      let most = fonts.bold.width(column.label.split(" ").sort((a, b) => b.length - a.length)[0] || "", size);
      for (const row of rows) {
        for (const word of (row[i] || "").split(/[ \n\t]+/)) most = Math.max(most, fonts.bold.width(word, size));
      }
      return column.whole ? natural[i] : Math.min(most, 120) + 2 * PAD;
    });
    const sum = (all) => all.reduce((one, other) => one + other, 0);
    if (sum(natural) <= room) return natural.map((one) => one * room / sum(natural));
    const spare = natural.map((one, i) => Math.max(0, one - least[i]));
    const left = room - sum(least);
    if (left < 0) return least.map((one) => one * room / sum(least));
    return least.map((one, i) => one + left * spare[i] / (sum(spare) || 1));
  }

  // {paper, landscape, clinic, title, facts, footer, size, sections: [{heading, columns: [{label, right, bold, box}], rows}]}
  async function tables(raw, told) {
    const fonts = {regular: new Font(raw.regular), bold: new Font(raw.bold)};
    const [short, long] = PAPERS[told.paper] || PAPERS.letter;
    const [width, height] = told.landscape ? [long, short] : [short, long];
    const size = told.size || 8, lead = size * 1.25, room = width - 2 * MARGIN;
    const pages = [];
    let out, y;
    const put = (font, words, x, base, points, gray = 0.1) => {
      if (words) out.push(`BT ${n(gray)} g /${font === "bold" ? "B" : "R"} ${n(points)} Tf ${n(x)} ${n(base)} Td <${fonts[font].hex(words)}> Tj ET`);
    };
    const begin = (first) => {
      out = [];
      pages.push(out);
      y = height - MARGIN;
      if (!first) { put("regular", `${told.clinic} · ${told.title}`, MARGIN, y - 8, 8, 0.42); y -= 18; return; }
      put("bold", told.title, MARGIN, y - 14, 15);
      put("regular", told.clinic, width - MARGIN - fonts.regular.width(told.clinic, 9), y - 10, 9, 0.42);
      y -= 30;
      for (const line of wrapped(fonts.regular, told.facts || "", 9, room)) { put("regular", line, MARGIN, y, 9, 0.42); y -= 12; }
      y -= 4;
    };
    begin(true);
    for (const section of told.sections) {
      if (section.heading) {
        if (y < MARGIN + 70) begin(false);
        y -= 16;
        put("bold", section.heading, MARGIN, y, 11);
        y -= 6;
      }
      if (!section.rows.length) { y -= 12; put("regular", section.empty || "Nothing.", MARGIN, y, 9, 0.42); y -= 6; continue; }
      const across = widths(fonts, section.columns, section.rows, size, room);
      const row = (cells, isHead) => {
        const lines = cells.map((cell, i) => wrapped(fonts[isHead || section.columns[i].bold ? "bold" : "regular"], cell || "", size, across[i] - 2 * PAD));
        const tall = Math.max(1, ...lines.map((one) => one.length)) * lead + 5;
        if (y - tall < MARGIN + 18) { begin(false); if (!isHead) row(section.columns.map((one) => one.label), true); }
        if (isHead) out.push(`0.94 g ${n(MARGIN)} ${n(y - tall)} ${n(room)} ${n(tall)} re f`);
        let x = MARGIN;
        lines.forEach((cell, i) => {
          const column = section.columns[i], font = isHead || column.bold ? "bold" : "regular";
          cell.forEach((line, j) => {
            const indent = column.right ? across[i] - PAD - fonts[font].width(line, size) : PAD;
            put(font, line, x + indent, y - lead * (j + 1) - 0.5, size);
          });
          if (column.box && !isHead && !cell.length) out.push(`0.4 G 0.8 w ${n(x + PAD + 2)} ${n(y - 12)} 9 9 re S`);
          x += across[i];
        });
        out.push(`0.8 G 0.5 w ${n(MARGIN)} ${n(y - tall)} m ${n(MARGIN + room)} ${n(y - tall)} l S`);
        y -= tall;
      };
      row(section.columns.map((one) => one.label), true);
      for (const cells of section.rows) row(cells, false);
    }
    pages.forEach((page, i) => {
      out = page;
      const count = `Page ${i + 1} of ${pages.length}`;
      put("regular", told.footer, MARGIN, MARGIN - 14, 7.5, 0.42);
      put("regular", count, width - MARGIN - fonts.regular.width(count, 7.5), MARGIN - 14, 7.5, 0.42);
    });
    return written(fonts, pages, width, height, told.title);
  }

  async function written(fonts, pages, width, height, title) {
    const objects = [];
    const add = (body) => objects.push(body);  // its number is what push answers
    const stream = async (bytes, more = "") => {
      const packed = await deflated(bytes);
      return add([ascii.encode(`<< /Length ${packed.length} /Filter /FlateDecode ${more}>>\nstream\n`), packed, ascii.encode("\nendstream")]);
    };
    add(null); add(null);  // the catalog and the list of pages
    const named = {};
    for (const [key, font] of Object.entries({R: fonts.regular, B: fonts.bold})) {
      const bytes = font.subset();
      const file = await stream(bytes, `/Length1 ${bytes.length} `);
      const name = `BALLST+${key === "B" ? "Bold" : "Regular"}`;
      const descriptor = add(`<< /Type /FontDescriptor /FontName /${name} /Flags 4 /FontBBox [${font.box.join(" ")}] /ItalicAngle 0 /Ascent ${font.ascent} /Descent ${font.descent} /CapHeight ${font.ascent} /StemV 80 /FontFile2 ${file} 0 R >>`);
      const used = [...font.used].sort((a, b) => a[0] - b[0]);
      const across = used.map(([glyph]) => `${glyph} [${Math.round(font.advance(glyph))}]`).join(" ");
      const inner = add(`<< /Type /Font /Subtype /CIDFontType2 /BaseFont /${name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor ${descriptor} 0 R /CIDToGIDMap /Identity /W [${across}] >>`);
      const hex = (value) => value.toString(16).padStart(4, "0");
      const letters = used.map(([glyph, code]) => {
        const units = [...String.fromCodePoint(code)].join("");
        let said = "";
        for (let i = 0; i < units.length; i++) said += hex(units.charCodeAt(i));
        return `<${hex(glyph)}> <${said}>`;
      });
      const blocks = [];
      for (let i = 0; i < letters.length; i += 100) {
        const some = letters.slice(i, i + 100);
        blocks.push(`${some.length} beginbfchar\n${some.join("\n")}\nendbfchar`);
      }
      const map = await stream(ascii.encode(`/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Letters def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n${blocks.join("\n")}\nendcmap\nend\nend`));
      named[key] = add(`<< /Type /Font /Subtype /Type0 /BaseFont /${name} /Encoding /Identity-H /DescendantFonts [${inner} 0 R] /ToUnicode ${map} 0 R >>`);
    }
    const kids = [];
    for (const page of pages) {
      const content = await stream(ascii.encode(page.join("\n")));
      kids.push(add(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${n(width)} ${n(height)}] /Contents ${content} 0 R /Resources << /Font << /R ${named.R} 0 R /B ${named.B} 0 R >> >> >>`));
    }
    let said = "feff";
    for (let i = 0; i < title.length; i++) said += title.charCodeAt(i).toString(16).padStart(4, "0");
    const info = add(`<< /Title <${said}> /Producer (Ballast) >>`);
    objects[0] = "<< /Type /Catalog /Pages 2 0 R >>";
    objects[1] = `<< /Type /Pages /Count ${kids.length} /Kids [${kids.map((one) => `${one} 0 R`).join(" ")}] >>`;
    const parts = [ascii.encode("%PDF-1.5\n%\u00e2\u00e3\u00cf\u00d3\n")], places = [];
    let at = parts[0].length;
    const write = (bytes) => { parts.push(bytes); at += bytes.length; };
    objects.forEach((body, i) => {
      places.push(at);
      write(ascii.encode(`${i + 1} 0 obj\n`));
      for (const one of Array.isArray(body) ? body : [ascii.encode(body)]) write(one);
      write(ascii.encode("\nendobj\n"));
    });
    const start = at;
    write(ascii.encode(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((one) => `${String(one).padStart(10, "0")} 00000 n \n`).join("")}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info ${info} 0 R >>\nstartxref\n${start}\n%%EOF\n`));
    return join(parts);
  }

  return {tables, join};
})();
