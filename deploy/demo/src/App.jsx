import { Link, Navigate, NavLink, Route, Routes } from 'react-router'

import Login from './Login'
import LogOut from './LogOut'
import { Title } from './page'
import Profile from './Profile'
import { useAccessToken } from './session'
import SignUp from './SignUp'
import Users from './Users'

export default function App() {
  const signedIn = useAccessToken() !== null
  return (
    <>
      <a className="skip" href="#main">Skip to content</a>
      <header>
        <div className="bar">
          <Link to="/" className="brand">
            <img src="/favicon.svg" alt="" width="28" height="28" />
            Gatehouse <small>demo</small>
          </Link>
          <nav aria-label="Pages">
            {signedIn && <NavLink to="/profile/">Profile</NavLink>}
            <NavLink to="/users/">Users</NavLink>
            {!signedIn && <NavLink to="/login/">Log in</NavLink>}
            {!signedIn && <NavLink to="/signup/">Sign up</NavLink>}
            {signedIn && <Link to="/logout/" state={{ path: 'revoke-token/' }}>Log out</Link>}
          </nav>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Routes>
          <Route path="/" element={<Navigate replace to={signedIn ? '/profile/' : '/login/'} />} />
          <Route path="/login/" element={<Login />} />
          <Route path="/signup/" element={<SignUp />} />
          <Route path="/profile/" element={<Profile />} />
          <Route path="/users/" element={<Users />} />
          <Route path="/logout/" element={<LogOut />} />
          <Route path="*" element={<Missing />} />
        </Routes>
      </main>
      <footer>Made for development: the providers behind its buttons are stand-ins.</footer>
    </>
  )
}

function Missing() {
  return (
    <section className="narrow card">
      <Title>No such page</Title>
      <p><Link to="/">To the start</Link></p>
    </section>
  )
}
