import './globals.css';

export const metadata = {
  title: 'Hello from a draft',
  description: 'The sample draft of drafterd',
};

export default function RootLayout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
