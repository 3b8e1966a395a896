import { Avatar, Title, useGet, Waiting } from './page'

const shown = 200

export default function Users() {
  const { data: users, stuck } = useGet('all/')
  return (
    <section className="card">
      <Title>Users</Title>
      {users
        ? (
          <>
            <p className="quiet">{users.length === 1 ? '1 account' : `${users.length} accounts`}</p>
            <ul className="people">
              {users.slice(0, shown).map((user, i) => (
                <li key={i}>
                  <Avatar name={user.first_name || user.username} />
                  <div>
                    <p className="name">{user.first_name || user.username} <span className="quiet">{user.username}</span></p>
                    <p className="quiet">{user.email}</p>
                  </div>
                </li>
              ))}
            </ul>
            {users.length > shown && <p className="quiet">The first {shown} are shown.</p>}
          </>
          )
        : <Waiting stuck={stuck} />}
    </section>
  )
}
