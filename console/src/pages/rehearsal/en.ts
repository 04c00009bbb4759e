export default { title: 'Rehearsal' }
