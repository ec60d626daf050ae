import 'package:flutter/material.dart';
import 'package:flutter_test/flutter_test.dart';
import 'package:voile/voile.dart';
import 'package:voile_example/main.dart';
import 'package:voile_example/src/node_model.dart';

/// A node that is always running, and does nothing.
class IdleNode extends NodeModel {
  IdleNode() {
    phase = NodePhase.running;
  }

  /// Says how it is connected.
  void attach({required bool ready}) {
    attachment = VeilidStateAttachment(
      state: AttachmentState.attachedGood,
      publicInternetReady: ready,
      localNetworkReady: false,
      uptime: TimestampDuration.fromMillis(0),
      reliablePeerCount: 1,
      livePeerCount: 1,
      estimatedNetworkSize: 5,
      overAttachedNodes: 0,
    );
    notifyListeners();
  }
}

void main() {
  testWidgets('the way from starting to ready', (tester) async {
    final node = IdleNode()..phase = NodePhase.stopped;
    await tester.pumpWidget(ExampleApp(node: node));
    expect(find.text('Join'), findsOneWidget);
    await tester.tap(find.byType(SwitchListTile));
    await tester.pump();
    expect(find.byType(TextField), findsNWidgets(2));

    node
      ..phase = NodePhase.running
      ..attach(ready: false);
    await tester.pump();
    expect(find.text('Preparing'), findsOneWidget);
    expect(find.text('Invite somebody'), findsOneWidget);

    node.attach(ready: true);
    await tester.pump();
    expect(find.text('Ready'), findsOneWidget);
  });

  testWidgets('pages beside or below, by the width', (tester) async {
    final node = IdleNode()..attach(ready: true);
    tester.view.devicePixelRatio = 1;
    tester.view.physicalSize = const Size(390, 844);
    addTearDown(tester.view.reset);
    await tester.pumpWidget(ExampleApp(node: node));
    expect(find.byType(NavigationBar), findsOneWidget);
    await tester.tap(find.text('List'));
    await tester.pump();
    expect(find.text('A list for several'), findsOneWidget);

    tester.view.physicalSize = const Size(1280, 800);
    await tester.pump();
    expect(find.byType(NavigationRail), findsOneWidget);
  });

  testWidgets('what is no invitation is said so', (tester) async {
    final node = IdleNode()..attach(ready: true);
    await tester.pumpWidget(ExampleApp(node: node));
    await tester.enterText(find.byType(TextField).first, 'hello');
    await tester.tap(find.byTooltip('Join').first);
    await tester.pump();
    expect(find.text('This is no invitation to a chat.'), findsOneWidget);
  });
}
