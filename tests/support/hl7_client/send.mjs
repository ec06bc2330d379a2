// Sends messages over one connection and prints what each is answered: MSA-1 and MSA-2.
import { Hl7Message } from '@medplum/core'
import { Hl7Client } from '@medplum/hl7'

const [port, ...messages] = process.argv.slice(2)
const client = new Hl7Client({ host: '127.0.0.1', port: Number(port), keepAlive: true })
// one after the other: this client takes two answers that come in one packet for one
const answers = []
for (const text of messages) {
  const msa = (await client.sendAndWait(Hl7Message.parse(text))).getSegment('MSA')
  answers.push([msa.getField(1).toString(), msa.getField(2).toString()])
}
await client.close()
console.log(JSON.stringify(answers))
