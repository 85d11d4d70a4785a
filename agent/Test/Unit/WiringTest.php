<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Config\Model\Config\Backend\Encrypted;
use Magento\Framework\Filesystem\Driver\File;
use Magento\Framework\Module\Dir;
use MagentoEventBridge\Agent\Capture\Context;
use MagentoEventBridge\Agent\Plugin\KeepTablesUnlisted;
use MagentoEventBridge\Agent\Test\Doubles\Wiring;
use MagentoEventBridge\Agent\Watcher\ObservedEvents;
use PHPUnit\Framework\TestCase;

/**
 * The files in etc/ agree with each other and with the code.
 */
class WiringTest extends TestCase
{
    private const SECTION = 'aws_eventbridge';

    public function testEachObservedEventHasAWatcher(): void
    {
        $watched = array_keys(Wiring::watchers());
        $observed = array_merge(Wiring::events(), ObservedEvents::AFTER_OTHERS);
        self::assertSame([], array_diff($observed, $watched));
        self::assertSame([], array_diff($watched, $observed));
        self::assertSame(array_unique($observed), $observed);
    }

    public function testEachWatcherIsAClassOrAVirtualType(): void
    {
        $virtual = array_map('strval', Wiring::xml('di.xml')->xpath('//virtualType/@name'));
        foreach (array_unique(Wiring::watchers()) as $watcher) {
            self::assertTrue(in_array($watcher, $virtual, true) || class_exists($watcher), $watcher);
        }
    }

    public function testOnlyPreparingEventsHaveNoToggle(): void
    {
        $without = array_diff(array_keys(Wiring::watchers()), array_keys(Wiring::toggles()));
        foreach ($without as $event) {
            self::assertMatchesRegularExpression('/_before$|^sales_quote_product_add_after$/', $event);
        }
    }

    public function testAnEventWithoutAWatcherIsSeenByAPlugin(): void
    {
        foreach (array_diff(array_keys(Wiring::toggles()), Wiring::events(), ObservedEvents::AFTER_OTHERS) as $event) {
            self::assertStringStartsWith('plugin:', $event);
        }
    }

    public function testEachToggleIsASettingThatIsOffByDefault(): void
    {
        $default = Wiring::xml('config.xml')->default->{self::SECTION};
        $fields = $this->fields();
        foreach (array_merge(...array_values(Wiring::toggles())) as $path) {
            list($section, $group, $field) = explode('/', $path);
            self::assertSame(self::SECTION, $section);
            self::assertCount(0, $default->$group->$field ?? [], $path);
            self::assertContains($group . '/' . $field, $fields);
        }
    }

    public function testEachDefaultIsOfAField(): void
    {
        $fields = $this->fields();
        foreach (Wiring::xml('config.xml')->default->{self::SECTION}->children() as $group) {
            foreach ($group->children() as $field) {
                self::assertContains($group->getName() . '/' . $field->getName(), $fields);
            }
        }
        self::assertSame('1', (string)Wiring::xml('config.xml')->default->{self::SECTION}->options->tracking);
    }

    public function testSecretsAreObscuredAndEncrypted(): void
    {
        foreach (['secret_access_key', 'secret'] as $id) {
            $field = Wiring::xml('adminhtml/system.xml')->xpath('//field[@id="' . $id . '"]')[0];
            self::assertSame('obscure', (string)$field['type']);
            self::assertTrue(is_a((string)$field->backend_model, Encrypted::class, true), $id);
        }
    }

    /**
     * Magento drops what a whitelist names and no enabled module declares: the captures that still wait.
     */
    public function testNothingIsDroppedWhenTheModuleIsDisabled(): void
    {
        self::assertFileDoesNotExist(dirname(__DIR__, 2) . '/etc/db_schema_whitelist.json');
    }

    /**
     * A command of Magento writes the whitelist of a module, or of all.
     */
    public function testAWhitelistThatIsGeneratedIsRemoved(): void
    {
        $folders = new Dir();
        $folders->root = sys_get_temp_dir() . '/' . uniqid('agent', true);
        $others = $folders->getDir('Other_Module', 'etc');
        $ours = $folders->getDir('MagentoEventBridge_Agent', 'etc');
        $plugin = new KeepTablesUnlisted($folders, new File());
        $plugin->afterGenerate(new \stdClass(), null);
        foreach ([$others, $ours] as $folder) {
            mkdir($folder, 0700, true);
            touch($folder . '/db_schema_whitelist.json');
        }
        $plugin->afterGenerate(new \stdClass(), null);

        self::assertFileDoesNotExist($ours . '/db_schema_whitelist.json');
        self::assertFileExists($others . '/db_schema_whitelist.json');
        self::assertCount(1, Wiring::xml('di.xml')->xpath('//plugin[@type="' . KeepTablesUnlisted::class . '"]'));
    }

    /**
     * Magento's own logger class gets the handlers of system.log and debug.log from Magento's di.xml.
     */
    public function testErrorsAreWrittenToOneLogOnly(): void
    {
        $logger = Wiring::xml('di.xml')->xpath('//virtualType[@name="MagentoEventBridgeLogger"]')[0];

        self::assertSame('Monolog\Logger', (string)$logger['type']);
        self::assertCount(1, $logger->xpath('.//argument[@name="handlers"]/item'));
    }

    /**
     * Composer takes the version from the tag; what reads it takes it from one constant.
     */
    public function testTheVersionIsInOnePlace(): void
    {
        self::assertArrayNotHasKey('version', $this->package());
        self::assertMatchesRegularExpression('/^\d+\.\d+\.\d+/', Context::VERSION);
    }

    public function testEachRequiredModuleIsInTheSequenceAndHasARealConstraint(): void
    {
        $modules = [];
        foreach ($this->package()['require'] as $name => $constraint) {
            if (strpos($name, 'magento/') === 0) {
                self::assertMatchesRegularExpression('/\d/', $constraint, $name);
            }
            if (strpos($name, 'magento/module-') === 0) {
                $modules[] = 'Magento_' . str_replace('-', '', ucwords(substr($name, 15), '-'));
            }
        }
        $sequence = array_map('strval', Wiring::xml('module.xml')->xpath('//sequence/module/@name'));
        sort($modules);
        sort($sequence);

        self::assertSame($modules, $sequence);
    }

    public function testThePackageHasItsLicenceAndItsChangelog(): void
    {
        self::assertFileExists(dirname(__DIR__, 2) . '/LICENSE');
        self::assertFileExists(dirname(__DIR__, 2) . '/CHANGELOG.md');
        self::assertSame('MIT', $this->package()['license']);
    }

    private function package(): array
    {
        return json_decode(file_get_contents(dirname(__DIR__, 2) . '/composer.json'), true);
    }

    private function fields(): array
    {
        return array_map(function (\SimpleXMLElement $field): string {
            return $field->xpath('..')[0]['id'] . '/' . $field['id'];
        }, Wiring::xml('adminhtml/system.xml')->xpath('//field'));
    }
}
