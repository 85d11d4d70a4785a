<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

class TransactionBufferTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
    }

    public function testWithoutATransactionACaptureIsWrittenAtOnce(): void
    {
        $this->add('a');

        self::assertSame(['a'], $this->told());
    }

    public function testATransactionWritesAllInOneInsertBeforeItsOutermostCommit(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->begin();
        $this->add('b');
        $this->shop->database->commit();
        self::assertSame([], $this->shop->database->statements);
        $this->shop->database->commit();

        self::assertSame(
            ['SAVEPOINT eventbridge', 'INSERT shop_eventbridge_outbox 2'],
            $this->shop->database->statements
        );
        self::assertSame(['a', 'b'], $this->told());
    }

    public function testARollBackForgets(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->rollBack();
        self::assertTrue($this->shop->buffer->isEmpty());
        $this->shop->database->begin();
        $this->add('b');
        $this->shop->database->commit();

        self::assertSame(['b'], $this->told());
    }

    public function testAnInnerRollBackForgetsToo(): void
    {
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->begin();
        $this->shop->database->rollBack();
        $this->shop->database->rollBack();

        self::assertSame([], $this->told());
    }

    public function testAFailedInsertCostsTheCapturesButNotTheTransaction(): void
    {
        $this->shop->database->failure = new \RuntimeException('no such table');
        $this->shop->database->begin();
        $this->add('a');
        $this->shop->database->commit();

        self::assertSame([], $this->told());
        self::assertContains('ROLLBACK TO SAVEPOINT eventbridge', $this->shop->database->statements);
        self::assertStringContainsString('no such table', $this->shop->log->lines[0]);
    }

    public function testATransactionThatIsGoneMustNotSeemCommitted(): void
    {
        $this->shop->database->failure = new \RuntimeException('deadlock');
        $this->shop->database->losesTransaction = true;
        $this->shop->database->begin();
        $this->add('a');

        $this->expectExceptionMessage('deadlock');
        $this->shop->database->commit();
    }

    public function testOfOneKeyTheLastStateIsTold(): void
    {
        $this->shop->database->begin();
        $this->hold('order', 1);
        $this->hold('invoice', 1);
        $this->hold('order', 2);
        $this->shop->database->commit();

        self::assertSame([['n' => 2], ['n' => 1]], array_column($this->shop->database->told(), 'snapshot'));
    }

    public function testALastLookIsTakenJustBeforeTheCommit(): void
    {
        $state = 'early';
        $capture = new Capture('id', 'e', 1.0, null, 0, null, null);
        $capture->setLastLook(function () use (&$state): array {
            return ['state' => $state];
        });
        $this->shop->database->begin();
        $this->shop->buffer->hold('k', $capture);
        $state = 'late';
        $this->shop->database->commit();

        self::assertSame('late', $this->shop->database->told()[0]['snapshot']['state']);
    }

    public function testARowSaysForWhichStoreAndAboutWhat(): void
    {
        $this->shop->buffer->add(new Capture('id', 'e', 1.0, null, 7, 'order/1', null));

        self::assertSame(['store_id' => 7, 'subject' => 'order/1'], $this->shop->database->told()[0]['row']);
    }

    private function add(string $event): void
    {
        $this->shop->buffer->add($this->shop->captures->make($event, 1, null));
    }

    private function hold(string $key, int $number): void
    {
        $capture = $this->shop->buffer->find($key) ?? $this->shop->captures->make($key, 1, null);
        $capture->show(['n' => $number]);
        $this->shop->buffer->hold($key, $capture);
    }

    private function told(): array
    {
        return array_column($this->shop->database->told(), 'event');
    }
}
