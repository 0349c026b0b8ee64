/** A page of a manual made by DocBook: navigation above and below, no `main`. */
export const MANUAL_PAGE = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>2.5.&#160;Querying a Table</title></head><body class="container-fluid">
<div class="navheader"><table width="100%"><tr><th colspan="5">2.5. Querying a Table</th></tr>
<tr><td><a accesskey="p" href="p.html">Prev</a> </td><td><a href="u.html">Up</a></td><th>Chapter 2</th><td><a href="index.html">Home</a></td><td><a href="n.html">Next</a></td></tr></table><hr /></div>
<div class="sect1"><div class="titlepage"><div><div><h2 class="title">2.5.&#160;Querying a Table</h2></div></div></div>
<div class="toc"><dl class="toc"><dt><a href="#a">2.5.1. One</a></dt><dt><a href="#b">2.5.2. Two</a></dt><dt><a href="#c">2.5.3. Three</a></dt></dl></div>
<p>To retrieve data from a table, the table is
   <em>queried</em>. An <acronym>SQL</acronym> <code>SELECT</code> statement is used. ${'It has a select list. '.repeat(12)}</p>
<pre class="programlisting">
SELECT *
    FROM weather;
</pre>
<div class="note"><h3 class="title">Note</h3><p>Row order may vary.</p></div>
<div class="table"><p class="title">Table 2.1. Types</p><table><thead><tr><th>Name</th><th>Size</th></tr></thead>
<tbody><tr><td><p><code>int</code></p></td><td>4 bytes</td></tr><tr><td><p>text</p></td><td></td></tr></tbody></table></div>
<dl class="variablelist"><dt>work_mem (<code>integer</code>)</dt><dd><p>Memory of a sort.</p></dd></dl>
<ul><li><p>first</p></li><li>second<ul><li>nested</li></ul></li></ul>
</div>
<div class="navfooter"><hr /><table><tr><td><a href="p.html">Prev</a></td><td><a href="u.html">Up</a></td><td><a href="n.html">Next</a></td></tr><tr><td>2.4. Populating</td><td><a href="index.html">Home</a></td><td>2.6. Joins</td></tr></table></div>
</body></html>`

/** An article of a site with everything around it that such pages have. */
export const ARTICLE_PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tuning the pool | Example Blog</title>
<style>.x{}</style><script>var tracking = 1</script></head><body class="with-sidebar nav-open">
<div id="cookie-banner" role="dialog"><p>We use cookies.</p><button>Accept all</button></div>
<header class="site-header"><a href="/">Example Blog</a><nav><ul><li><a href="/a">Products</a></li><li><a href="/b">Pricing</a></li></ul></nav></header>
<div class="layout-with-sidebar"><div class="content">
<div class="breadcrumbs"><a href="/">Start</a> / <a href="/blog">Blog</a></div>
<div class="page-header"><h1>Tuning the pool <a class="headerlink" href="#tuning">¶</a></h1></div>
<p>${'A pool that is too large is slower than a small one. '.repeat(15)}</p>
<h2>Measure first</h2><pre><code class="language-ts"><span class="comment">// ten are enough</span>
const pool = new Pool({ max: 10 })</code></pre>
<p style="display: none">Hidden words.</p><p aria-hidden="true">Icon words.</p>
<div class="share-buttons"><a href="#t">Tweet this</a></div></div>
<aside class="sidebar"><h3>Popular posts</h3><ul><li><a href="/1">One weird trick</a></li></ul></aside></div>
<ul class="links"><li><a href="/x">Archive 2024</a></li><li><a href="/y">Archive 2023</a></li><li><a href="/z">Archive 2022</a></li></ul>
<footer>© Example. <a href="/imprint">Imprint</a></footer></body></html>`

/** The smallest PDF that holds `lines` on one page. */
export function pdfOf(lines: string[], title = ''): Uint8Array {
  const stream = `BT /F1 12 Tf 72 720 Td 14 TL ${lines.map((line) => `(${line}) Tj T*`).join(' ')} ET`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    `<< /Title (${title}) >>`,
  ]
  let body = '%PDF-1.4\n'
  const offsets = objects.map((object, index) => {
    const offset = body.length
    body += `${index + 1} 0 obj\n${object}\nendobj\n`
    return String(offset).padStart(10, '0')
  })
  const table = offsets.map((offset) => `${offset} 00000 n \n`).join('')
  const size = objects.length + 1
  body += `xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R /Info 6 0 R >>\nstartxref\n${body.length}\n%%EOF\n`
  return new TextEncoder().encode(body)
}
