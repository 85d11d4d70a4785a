<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Capture\CaptureId;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

class CaptureTest extends TestCase
{
    public function testIdsAreUuidsOfVersion7ThatGrow(): void
    {
        $ids = new CaptureId();
        $time = 1795453984.4319;
        $made = [];
        for ($i = 0; $i < 10000; $i++) {
            $made[] = $ids->next($time);
        }
        // The clock may be set back.
        $made[] = $ids->next($time - 60);
        $sorted = $made;
        sort($sorted);

        self::assertSame($sorted, $made);
        self::assertCount(10001, array_unique($made));
        $form = '/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/';
        foreach ($made as $id) {
            self::assertMatchesRegularExpression($form, $id);
        }
        self::assertSame((int)($time * 1000), (int)hexdec(str_replace('-', '', substr($made[0], 0, 13))));
    }

    public function testWhatIsEmptyIsAnEmptyObject(): void
    {
        $capture = new Capture('id', 'adminhtml_cache_flush_all', 1.5, null, 0, 'cache', null);

        self::assertSame(
            '{"version":1,"id":"id","event":"adminhtml_cache_flush_all","time":1.5,"area":null,"store_id":0,'
            . '"subject":"cache","queued":false,"is_new":false,"original":{},"snapshot":{},"context":null}',
            $capture->toJson()
        );
    }

    public function testTextThatIsNoUtf8DoesNotCostTheCapture(): void
    {
        $capture = new Capture('id', 'e', 1.5, null, 0, "customer/\xff\u{1F600}" . str_repeat('x', 300), null);
        $capture->show(['username' => "\xff\u{1F600}"]);

        $json = $capture->toJson();
        self::assertMatchesRegularExpression('/^[\x20-\x7e]+$/', $json);
        self::assertSame("\u{FFFD}\u{1F600}", json_decode($json, true)['snapshot']['username']);
        self::assertSame(255, mb_strlen($capture->getSubject()));
        self::assertStringStartsWith('customer/??xxx', $capture->getSubject());
    }

    public function testContextIsThereOnlyWhereTheStoreTracks(): void
    {
        $shop = new Shop();
        $shop->settings->values['aws_eventbridge/options/tracking'] = '1';
        $shop->settings->values['aws_eventbridge/options/tracking@2'] = '0';
        foreach ([1, 2] as $storeId) {
            $shop->buffer->add($shop->captures->make('e', $storeId, null));
        }
        list($tracked, $untracked) = $shop->database->written();

        self::assertSame('SHELL', $tracked['context']['transport']);
        self::assertSame(PHP_VERSION, $tracked['context']['version']['php']);
        self::assertNull($untracked['context']);
    }

    public function testASessionThatDoesNotStartCostsTheUserOnly(): void
    {
        $shop = new Shop();
        $shop->settings->values['aws_eventbridge/options/tracking'] = '1';
        $shop->settings->values['aws_eventbridge/options/detail'] = 'full';
        $shop->sessionFailure = new \RuntimeException('session_start() failed');
        $shop->buffer->add($shop->captures->make('e', 1, null));
        $context = $shop->database->written()[0]['context'];

        self::assertSame([null, null], [$context['user'], $context['impersonated_by']]);
        self::assertStringContainsString('session_start() failed', $shop->log->lines[0]);
    }
}
