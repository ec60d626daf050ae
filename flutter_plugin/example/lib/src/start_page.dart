import 'package:flutter/material.dart';

import 'node_model.dart';
import 'scope.dart';
import 'status.dart';
import 'theme.dart';

/// Before the node runs: which network to join.
class StartPage extends StatefulWidget {
  const StartPage({super.key});

  @override
  State<StartPage> createState() => _StartPageState();
}

class _StartPageState extends State<StartPage> {
  final TextEditingController _key = TextEditingController();
  final TextEditingController _bootstrap = TextEditingController();
  bool _own = false;

  @override
  void dispose() {
    _key.dispose();
    _bootstrap.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    final node = Scope.of<NodeModel>(context);
    final texts = Theme.of(context).textTheme;
    final starting = node.phase == NodePhase.starting;
    return Scaffold(
      body: SafeArea(
        child: Readable(
          child: ListView(
            padding: const EdgeInsets.all(24),
            children: [
              const SizedBox(height: 48),
              Icon(
                Icons.blur_on,
                size: 96,
                color: Theme.of(context).colorScheme.primary,
              ),
              const SizedBox(height: 16),
              Text(
                'Voile',
                style: texts.displaySmall,
                textAlign: TextAlign.center,
              ),
              const SizedBox(height: 8),
              Text(
                'A private chat and a shared list, without a server.',
                style: texts.bodyLarge,
                textAlign: TextAlign.center,
              ),
              const SizedBox(height: 32),
              Problem(node.problem),
              SwitchListTile(
                title: const Text('A network of our own'),
                subtitle: const Text('Only who has its password takes part'),
                value: _own,
                onChanged: starting
                    ? null
                    : (value) => setState(() => _own = value),
              ),
              if (_own) ...[
                const SizedBox(height: 8),
                TextField(
                  controller: _key,
                  obscureText: true,
                  decoration: const InputDecoration(labelText: 'Password'),
                ),
                const SizedBox(height: 12),
                TextField(
                  controller: _bootstrap,
                  decoration: const InputDecoration(
                    labelText: 'Where to join',
                    helperText: 'Names or URLs, with commas between them',
                  ),
                ),
              ],
              const SizedBox(height: 24),
              FilledButton.icon(
                onPressed: starting ? null : () => _start(node),
                icon: starting
                    ? const SizedBox.square(
                        dimension: 18,
                        child: CircularProgressIndicator(strokeWidth: 2),
                      )
                    : const Icon(Icons.login),
                label: Text(starting ? 'Starting' : 'Join'),
              ),
            ],
          ),
        ),
      ),
    );
  }

  Future<void> _start(NodeModel node) => _own
      ? node.start(networkKey: _key.text, bootstrap: _bootstrap.text.trim())
      : node.start();
}
