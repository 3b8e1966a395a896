// A person at a browser without JavaScript, as far as the tests of client
// libraries need one: it keeps cookies, follows redirects below the issuer, and
// fills in the one form of a page.
import assert from 'node:assert/strict';

export class Person {
  constructor(issuer) {
    this.issuer = issuer;
    this.cookies = new Map();
  }

  async visit(url, form) {
    for (let at = new URL(url), hops = 0; hops < 12; hops++) {
      const answer = await fetch(at, {
        method: form ? 'POST' : 'GET', body: form, redirect: 'manual',
        headers: { Cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...(form && { 'Sec-Fetch-Site': 'same-origin' }) },
      });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (/Max-Age=0/.test(line)) this.cookies.delete(name); else this.cookies.set(name, value);
      }
      const to = answer.headers.get('Location');
      if (!to) return { at, status: answer.status, text: await answer.text() };
      form = undefined;
      at = new URL(to, at);
      if (at.origin !== new URL(this.issuer).origin) return { at };
    }
    assert.fail('redirects without end');
  }

  // send fills in the form of a page and sends it.
  async send(page, fields) {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.text);
    assert.ok(action, `no form on ${page.at}: ${page.text}`);
    const form = new URLSearchParams([...Object.entries(fields), ...hidden(page)]);
    return this.visit(new URL(decode(action[1]), page.at), form);
  }

  // authorize goes where a client sends it, signs in and allows what is asked,
  // and returns the address that the client is called back at.
  async authorize(url, user) {
    let page = await this.visit(url);
    for (let steps = 0; page.text && steps < 4; steps++) {
      page = /name="password"/.test(page.text)
        ? await this.send(page, { email: user.email, password: user.password })
        : await this.send(page, { decision: 'allow' });
    }
    return page.at;
  }
}

// hidden are the hidden fields of a page's form.
export const hidden = (page) => [...page.text.matchAll(/<input[^>]*type="hidden"[^>]*>/g)]
  .map(([input]) => [/name="([^"]*)"/.exec(input)[1], decode(/value="([^"]*)"/.exec(input)[1])]);

const decode = (text) => text.replaceAll('&amp;', '&').replaceAll('&#34;', '"').replaceAll('&#43;', '+').replaceAll('&#39;', "'");
