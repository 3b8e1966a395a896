// What the API says is wrong, as it can be shown beside a form. Its shapes:
// {field: [texts]}, {detail}, {error, error_description}, {error: text}.

const words = {
  access_denied: 'The sign-in was refused there. Please try again.',
  invalid_client: 'This demo is not a client that the server knows.',
  unauthorized_client: 'The server does not let this demo sign in so.',
}

const byStatus = {
  429: 'That was tried too often. Please wait a moment.',
  503: 'The server cannot do this just now. Please try again soon.',
}

/** Returns {fields: {name: text}, form: text} for an answer; names are the fields that the form shows. */
export function problems(answer, names) {
  const fields = {}
  const form = []
  const { error, error_description: description, detail, ...rest } = asObject(answer.data)

  const missing = /missing (\w+) parameter/i.exec(description ?? '')?.[1]
  if (names.includes(missing)) {
    fields[missing] = 'This field is required.'
  } else if (error) {
    form.push(words[error] ?? byStatus[answer.status] ?? sentence(description ?? error))
  } else if (detail) {
    form.push(byStatus[answer.status] ?? sentence(detail))
  }
  for (const [name, texts] of Object.entries(rest)) {
    const text = [texts].flat().filter((t) => typeof t === 'string').map(sentence).join(' ')
    if (!text) continue
    if (names.includes(name)) fields[name] = text
    else form.push(text)
  }
  if (form.length === 0 && Object.keys(fields).length === 0) {
    form.push(byStatus[answer.status] ?? `The server answered ${answer.status}, and did not say why.`)
  }
  return { fields, form: form.join(' ') }
}

function asObject(data) {
  return data !== null && typeof data === 'object' && !Array.isArray(data) ? data : {}
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(capital) ? capital : `${capital}.`
}
