// Listens until its input ends, acknowledges every message, and prints the port and the control ids that came.
import { Hl7Server } from '@medplum/hl7'

const came = []
const server = new Hl7Server((connection) => {
  connection.addEventListener('message', ({ message }) => {
    came.push(message.getSegment('MSH').getField(10).toString())
    connection.send(message.buildAck())
  })
})
server.start(0)
server.server.once('listening', () => console.log(server.server.address().port))
process.stdin.on('end', () => {
  console.log(JSON.stringify(came))
  process.exit()
})
process.stdin.resume()
